// The video side on a camera of the kernel, vivid: run inside an emulated machine as its only user.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tm_test.h"
#include "video_support.h"

enum {
  FIRST_MS = 20000,
  FLOW_MS = 3000,
  EVENT_MS = 15000,
};

static const char CAMERA[] = "/dev/video0";
static const char COPY[] = "/tmp/seen.264";

#define DRIVER "/sys/bus/platform/drivers/vivid/"

typedef struct {
  tm_engine *engine;
  uint32_t from, to;
} chain;

static bool write_file(const char *path, const char *text)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  close(fd);
  return done;
}

// camera -> encoder -> RTP -> file
static bool build(chain *c)
{
  tm_error error = {.status = TM_ENGINE_OK};
  tm_endpoint camera = support_device(CAMERA), copy = support_file(COPY);
  c->engine = support_engine();
  c->from = film_open(c->engine);
  c->to = film_open(c->engine);
  bool fine = c->from && c->to && tm_video_attach(c->engine, c->from, &camera, NULL, &error) == TM_ENGINE_OK &&
              tm_video_attach(c->engine, c->to, NULL, &copy, &error) == TM_ENGINE_OK;
  if (fine) {
    tm_video_config out = film_config(tm_stream_port(c->engine, c->to)), in = film_config(tm_stream_port(c->engine, c->from));
    // Small pictures: an emulated processor is slow.
    out.profile_level_id = 0x42E00C;
    out.receive = in.send = false;
    fine = tm_video_configure(c->engine, c->to, &in, &error) == TM_ENGINE_OK &&
           tm_video_configure(c->engine, c->from, &out, &error) == TM_ENGINE_OK;
  }
  if (!fine) printf("# %s\n", error.text);
  return fine;
}

typedef struct {
  bool seen;
} found;

static void look(void *context, const char *name, const char *description)
{
  printf("# camera %s: %s\n", name, description);
  ((found *)context)->seen = true;
}

static void listed(void)
{
  found camera = {false};
  tm_engine_cameras(look, &camera);
  CHECK(camera.seen);
}

static void through(void)
{
  chain c;
  tm_event event;
  size_t octets = 0;
  CHECK(build(&c));
  CHECK(support_event(c.engine, TM_EVENT_FIRST_FRAME, &event, FIRST_MS));
  CHECK_RANGE(event.width, 64, 352);
  support_sleep(FLOW_MS);
  tm_video_stats from = film_stats(c.engine, c.from), to = film_stats(c.engine, c.to);
  CHECK_RANGE(from.frames_sent, 5, 200);
  CHECK_RANGE(to.frames_received, 5, 200);
  CHECK_INT(to.frames_dropped, 0);
  tm_engine_destroy(c.engine);
  uint8_t *data = film_read(COPY, &octets);
  CHECK(data != NULL);
  CHECK_RANGE(film_count(data, octets, 7), 1, 200);
  CHECK_RANGE(film_count(data, octets, 5) + film_count(data, octets, 1), 5, 4000);
  free(data);
}

// The driver lets the camera go while it is in use, as a pulled USB plug does, and brings it back.
static void unplugged(void)
{
  chain c;
  tm_event event;
  CHECK(build(&c));
  CHECK(support_event(c.engine, TM_EVENT_FIRST_FRAME, &event, FIRST_MS));
  CHECK(write_file(DRIVER "unbind", "vivid.0"));
  CHECK(support_event(c.engine, TM_EVENT_TROUBLE, &event, EVENT_MS));
  CHECK_INT(event.error.status, TM_ENGINE_DEVICE);
  uint64_t before = film_stats(c.engine, c.to).frames_received;
  CHECK(write_file(DRIVER "bind", "vivid.0"));
  CHECK(support_event(c.engine, TM_EVENT_RECOVERED, &event, EVENT_MS));
  support_sleep(FLOW_MS);
  CHECK_RANGE(film_stats(c.engine, c.to).frames_received, (double)before + 3, (double)before + 300);
  tm_engine_destroy(c.engine);
}

static void missing(void)
{
  tm_error error = {.status = TM_ENGINE_OK};
  tm_engine *engine = support_engine();
  tm_endpoint camera = support_device("/dev/video9");
  uint32_t id = film_open(engine);
  CHECK_INT(tm_video_attach(engine, id, &camera, NULL, &error), TM_ENGINE_DEVICE);
  CHECK(strstr(error.text, "/dev/video9") != NULL);
  tm_engine_destroy(engine);
}

int main(void)
{
  tm_test_run("the camera is listed", listed);
  tm_test_run("a picture from a camera of the kernel", through);
  tm_test_run("a camera that is not there", missing);
  tm_test_run("camera pulled out and put in again in a call", unplugged);
  return tm_test_end();
}
