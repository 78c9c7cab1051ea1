// Cameras without hardware: behind the system calls stands a camera of our own that can be taken, broken and unplugged.
#include <errno.h>
#include <linux/videodev2.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "tm_camera.h"
#include "tm_test.h"
#include "tm_video_fixture.h"
#include "video_source.h"
#include "video_support.h"

enum { WIDTH = 320, HEIGHT = 240, BUFFERS = 4, FD = 1000, FRAME_OCTETS = WIDTH * HEIGHT * 2, FRAME_MS = 33 };

// Its own thread and the source's both look: simple values only, atomic.
static struct {
  atomic_int opened, streaming, gone, busy, broken, frames, keys_asked;
  atomic_uint format;
  uint32_t formats[3];
  uint8_t *buffers[BUFFERS];
  atomic_bool queued[BUFFERS];
  uint8_t *film;  // H.264: the access unit that it gives, first key then others
  size_t film_octets;
} camera;

static int fake_open(const char *path, int flags)
{
  (void)flags;
  if (strcmp(path, "/dev/fake") != 0) {
    errno = ENOENT;
    return -1;
  }
  if (camera.gone) {
    errno = ENODEV;
    return -1;
  }
  camera.opened++;
  return FD;
}

static int fake_close(int fd)
{
  (void)fd;
  camera.opened--;
  return 0;
}

static int fail_with(int code)
{
  errno = code;
  return -1;
}

static int enumerate(struct v4l2_fmtdesc *format)
{
  if (format->index >= 3 || camera.formats[format->index] == 0) return fail_with(EINVAL);
  format->pixelformat = camera.formats[format->index];
  return 0;
}

static int set_format(struct v4l2_format *format)
{
  if (camera.busy) return fail_with(EBUSY);
  camera.format = format->fmt.pix.pixelformat;
  format->fmt.pix.width = WIDTH;
  format->fmt.pix.height = HEIGHT;
  format->fmt.pix.bytesperline = format->fmt.pix.pixelformat == V4L2_PIX_FMT_YUYV ? WIDTH * 2 : 0;
  return 0;
}

static int dequeue(struct v4l2_buffer *buffer)
{
  if (camera.gone) return fail_with(ENODEV);
  if (camera.broken) {
    camera.broken = 0;
    return fail_with(EPIPE);
  }
  for (unsigned i = 0; i < BUFFERS; i++) {
    if (!camera.queued[i]) continue;
    camera.queued[i] = false;
    buffer->index = i;
    int number = camera.frames++;
    if (camera.film && camera.format == V4L2_PIX_FMT_H264) {
      memcpy(camera.buffers[i], camera.film, camera.film_octets);
      buffer->bytesused = (uint32_t)camera.film_octets;
    } else {
      for (unsigned k = 0; k < FRAME_OCTETS; k++) camera.buffers[i][k] = (uint8_t)(40 + (k / 64 + (unsigned)number * 5) % 160);
      buffer->bytesused = FRAME_OCTETS;
    }
    int64_t now = tm_now_ns();
    buffer->timestamp.tv_sec = now / TM_NS_PER_S;
    buffer->timestamp.tv_usec = now % TM_NS_PER_S / TM_NS_PER_US;
    return 0;
  }
  return fail_with(EAGAIN);
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
  struct v4l2_buffer *buffer = argument;
  struct v4l2_ext_controls *controls = argument;
  (void)fd;
  switch (request) {
    case VIDIOC_QUERYCAP:
      ((struct v4l2_capability *)argument)->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
      return 0;
    case VIDIOC_ENUM_FMT: return enumerate(argument);
    case VIDIOC_S_FMT: return set_format(argument);
    case VIDIOC_S_PARM: return 0;
    case VIDIOC_REQBUFS: return 0;
    case VIDIOC_QUERYBUF:
      buffer->length = FRAME_OCTETS;
      buffer->m.offset = buffer->index;
      return 0;
    case VIDIOC_QBUF: camera.queued[buffer->index] = true; return 0;
    case VIDIOC_DQBUF: return dequeue(buffer);
    case VIDIOC_STREAMON: camera.streaming = 1; return 0;
    case VIDIOC_STREAMOFF: camera.streaming = 0; return 0;
    case VIDIOC_S_EXT_CTRLS:
      if (controls->controls[0].id == V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME) camera.keys_asked++;
      return 0;
    default: return fail_with(ENOTTY);
  }
}

static void *fake_map(size_t octets, int fd, off_t offset)
{
  (void)octets;
  (void)fd;
  return camera.buffers[offset];
}

static void fake_unmap(void *data, size_t octets)
{
  (void)data;
  (void)octets;
}

static int fake_poll(struct pollfd *fd, int timeout_ms)
{
  support_sleep(timeout_ms < FRAME_MS ? timeout_ms : FRAME_MS);
  fd->revents = POLLIN;
  return 1;
}

static const tm_camera_system fake = {fake_open, fake_close, fake_ioctl, fake_map, fake_unmap, fake_poll};

static void plug_in(uint32_t format)
{
  for (int i = 0; i < BUFFERS; i++)
    if (!camera.buffers[i]) camera.buffers[i] = malloc(FRAME_OCTETS);
  camera.gone = camera.busy = camera.broken = camera.frames = camera.keys_asked = 0;
  camera.formats[0] = V4L2_PIX_FMT_GREY;
  camera.formats[1] = format;
  camera.formats[2] = 0;
}

static void unplug_for_good(void)
{
  for (int i = 0; i < BUFFERS; i++) {
    free(camera.buffers[i]);
    camera.buffers[i] = NULL;
  }
}

static struct {
  atomic_int packets, troubles, recoveries, last_code;
} heard;

static void on_packets(void *context)
{
  (void)context;
  heard.packets++;
}

static void on_trouble(void *context, const tm_error *error)
{
  (void)context;
  heard.last_code = error->code;
  heard.troubles++;
}

static void on_recovered(void *context)
{
  (void)context;
  heard.recoveries++;
}

static const tm_video_listener listener = {on_packets, on_trouble, on_recovered, NULL};

static tm_video_wish wish(bool send)
{
  return (tm_video_wish){.send = send, .packing = {.mode = 1}, .level_idc = 31};
}

// Takes what is due until there are `least` pictures, or for 5 s: pictures, of which how many with an IDR.
static void watch(tm_video_feed *feed, unsigned least, unsigned *pictures, unsigned *keys)
{
  uint8_t data[SUPPORT_DATAGRAM];
  tm_video_record record;
  tm_rtp_packet packet;
  *pictures = *keys = 0;
  for (int64_t end = tm_now_ns() + 5 * TM_NS_PER_S; tm_now_ns() < end && *pictures < least; support_sleep(2))
    while (tm_video_port_take(&feed->port, tm_now_ns(), &record, &packet, data, sizeof data)) {
      *pictures += packet.marker;
      *keys += packet.marker && record.key;
    }
}

static bool eventually(atomic_int *value, int least, int ms)
{
  for (int i = 0; i < ms / 10 && *value < least; i++) support_sleep(10);
  return *value >= least;
}

static void encoded(void)
{
  unsigned pictures, keys;
  tm_error error = {.status = TM_ENGINE_OK};
  tm_endpoint endpoint = support_device("/dev/fake"), other = support_device("/dev/none");
  plug_in(V4L2_PIX_FMT_YUYV);
  tm_video_pool *pool = tm_video_pool_create(&fake);
  CHECK(pool && !tm_video_feed_open(pool, &other, &listener, &error));
  CHECK_INT(error.status, TM_ENGINE_DEVICE);
  tm_video_feed *feed = tm_video_feed_open(pool, &endpoint, &listener, &error);
  CHECK(feed);
  support_sleep(100);
  CHECK_INT(camera.streaming, 0);  // nobody sends: its light is off
  tm_video_wish on = wish(true), off = wish(false);
  tm_video_feed_wish(feed, &on);
  watch(feed, 12, &pictures, &keys);
  CHECK_RANGE(pictures, 12, 20);
  CHECK_INT(keys, 1);
  CHECK_INT(atomic_load(&feed->port.width), 320);  // no larger than the camera's own
  tm_video_port_ask_key(&feed->port);
  watch(feed, 6, &pictures, &keys);
  CHECK_INT(keys, 1);
  // A second call takes from the same camera.
  tm_video_feed *second = tm_video_feed_open(pool, &endpoint, &listener, &error);
  CHECK(second);
  tm_video_wish small = wish(true);
  small.level_idc = 12;
  tm_video_feed_wish(second, &small);
  watch(second, 4, &pictures, &keys);
  CHECK_RANGE(pictures, 4, 20);
  CHECK_INT(atomic_load(&second->port.width), 320);
  CHECK_INT(camera.opened, 1);
  tm_video_feed_close(second);
  tm_video_feed *third = tm_video_feed_open(pool, &endpoint, &listener, &error);
  CHECK(third);
  small.level_idc = 9;  // 1b: its pictures say so themselves, and are not held back
  tm_video_feed_wish(third, &small);
  watch(third, 4, &pictures, &keys);
  CHECK_RANGE(pictures, 4, 20);
  CHECK_INT(atomic_load(&third->port.width), 176);
  tm_video_feed_close(third);
  tm_video_feed_wish(feed, &off);
  for (int i = 0; i < 300 && camera.opened > 0; i++) support_sleep(10);
  CHECK_INT(camera.streaming, 0);
  CHECK_INT(camera.opened, 0);
  tm_video_feed_close(feed);
  tm_video_pool_destroy(pool);
  unplug_for_good();
}

// Level, setting and the peer's wish: the least of them.
static void sizes(void)
{
  static const struct {
    unsigned limit_width, limit_height;
    uint8_t level;
    unsigned wish_width, wish_height, width, height, fps;
  } rows[] = {
      {640, 480, 31, 0, 0, 640, 480, 30},       {1280, 720, 31, 0, 0, 1280, 720, 30}, {1280, 720, 30, 0, 0, 640, 480, 30},
      {1280, 720, 31, 640, 480, 640, 480, 30},  {640, 480, 31, 1280, 720, 640, 480, 30}, {320, 240, 40, 0, 0, 320, 240, 30},
      {1280, 720, 12, 0, 0, 352, 288, 15},      {1280, 720, 10, 0, 0, 176, 144, 15},  {1280, 720, 31, 16, 16, 176, 144, 30},
  };
  tm_video_pool *pool = tm_video_pool_create(&fake);
  CHECK(pool);
  CHECK_INT(tm_video_fit(pool, 40, 0, 0).width, 640);  // until told
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    tm_video_pool_limit(pool, rows[i].limit_width, rows[i].limit_height);
    tm_video_format format = tm_video_fit(pool, rows[i].level, rows[i].wish_width, rows[i].wish_height);
    CHECK_INT(format.width, rows[i].width);
    CHECK_INT(format.height, rows[i].height);
    CHECK_INT(format.fps, rows[i].fps);
  }
  tm_video_pool_destroy(pool);
}

static void unplugged_and_back(void)
{
  unsigned pictures, keys;
  tm_error error;
  tm_endpoint endpoint = support_device("/dev/fake");
  plug_in(V4L2_PIX_FMT_YUYV);
  heard.troubles = heard.recoveries = 0;
  tm_video_pool *pool = tm_video_pool_create(&fake);
  tm_video_feed *feed = tm_video_feed_open(pool, &endpoint, &listener, &error);
  tm_video_wish on = wish(true);
  CHECK(feed);
  tm_video_feed_wish(feed, &on);
  watch(feed, 1, &pictures, &keys);
  CHECK(pictures > 0);
  camera.gone = 1;
  CHECK(eventually(&heard.troubles, 1, 1000));
  CHECK_INT(heard.last_code, ENODEV);
  support_sleep(1300);
  CHECK_INT(heard.troubles, 1);
  camera.gone = 0;
  CHECK(eventually(&heard.recoveries, 1, 2000));
  watch(feed, 4, &pictures, &keys);
  CHECK(pictures > 3);
  // A broken transfer, and somebody else who has it meanwhile.
  camera.busy = 1;
  camera.broken = 1;
  CHECK(eventually(&heard.troubles, 2, 1000));
  camera.busy = 0;
  CHECK(eventually(&heard.recoveries, 2, 3000));
  tm_video_feed_close(feed);
  tm_video_pool_destroy(pool);
  unplug_for_good();
}

static void passed_through(void)
{
  char path[SUPPORT_PATH];
  unsigned pictures, keys;
  tm_error error;
  tm_endpoint endpoint = support_device("/dev/fake");
  tm_video_description description;
  plug_in(V4L2_PIX_FMT_H264);
  support_path(path, "key.264");
  CHECK(film_make(path, 1, 0, 0));
  camera.film = film_read(path, &camera.film_octets);
  CHECK(camera.film && camera.film_octets < FRAME_OCTETS);
  tm_video_pool *pool = tm_video_pool_create(&fake);
  CHECK_INT(tm_video_source_describe(pool, &endpoint, 31, &description, &error), TM_ENGINE_OK);
  CHECK(description.fragments && description.sets[0] == '\0');
  tm_video_feed *feed = tm_video_feed_open(pool, &endpoint, &listener, &error);
  tm_video_wish on = wish(true);
  CHECK(feed);
  tm_video_feed_wish(feed, &on);
  watch(feed, 5, &pictures, &keys);
  CHECK_RANGE(pictures, 5, 20);
  CHECK_INT(keys, pictures);
  CHECK_INT(atomic_load(&feed->port.width), FILM_WIDTH);
  tm_video_feed_close(feed);
  tm_video_pool_destroy(pool);
  free(camera.film);
  camera.film = NULL;
  unlink(path);
  unplug_for_good();
}

// 26.114 5.2.2: High is not what was agreed; the camera's pictures are encoded here instead.
static void another_profile(void)
{
  unsigned pictures, keys;
  tm_error error;
  tm_endpoint endpoint = support_device("/dev/fake");
  plug_in(V4L2_PIX_FMT_H264);
  camera.formats[2] = V4L2_PIX_FMT_YUYV;
  heard.troubles = 0;
  camera.film = film_read(tm_fixture_path("high.h264"), &camera.film_octets);
  CHECK(camera.film && camera.film_octets < FRAME_OCTETS);
  tm_video_pool *pool = tm_video_pool_create(&fake);
  tm_video_feed *feed = tm_video_feed_open(pool, &endpoint, &listener, &error);
  tm_video_wish on = wish(true);
  CHECK(feed);
  tm_video_feed_wish(feed, &on);
  watch(feed, 5, &pictures, &keys);
  CHECK_RANGE(pictures, 5, 20);
  CHECK_INT(camera.format, V4L2_PIX_FMT_YUYV);
  CHECK_INT(heard.troubles, 0);
  tm_video_feed_close(feed);
  tm_video_pool_destroy(pool);
  free(camera.film);
  camera.film = NULL;
  unplug_for_good();
}

static void described(void)
{
  tm_error error;
  tm_video_description description;
  tm_endpoint endpoint = support_device("/dev/fake");
  plug_in(V4L2_PIX_FMT_MJPEG);
  tm_video_pool *pool = tm_video_pool_create(&fake);
  CHECK_INT(tm_video_source_describe(pool, &endpoint, 31, &description, &error), TM_ENGINE_OK);
  CHECK_INT(description.width, 320);
  CHECK_INT(description.profile_level_id >> 16, 0x42);
  CHECK_INT(description.profile_level_id & 0xff, 31);
  CHECK(description.sets[0] != '\0');
  CHECK_INT(tm_video_source_describe(pool, &endpoint, 12, &description, &error), TM_ENGINE_OK);
  CHECK_INT(description.profile_level_id & 0xff, 12);
  CHECK_RANGE(description.width * description.height / 256, 1, 396);
  CHECK_INT(description.fps, 20);
  camera.formats[1] = V4L2_PIX_FMT_BGR24;
  CHECK_INT(tm_video_source_describe(pool, &endpoint, 31, &description, &error), TM_ENGINE_DEVICE);
  tm_video_pool_destroy(pool);
  unplug_for_good();
}

int main(void)
{
  tm_test_run("YUYV is encoded, for two calls at two sizes; open only while somebody sends", encoded);
  tm_test_run("picture sizes: level, setting and the peer's wish", sizes);
  tm_test_run("unplugged, broken, taken: told once, and back by itself", unplugged_and_back);
  tm_test_run("H.264 is passed through", passed_through);
  tm_test_run("H.264 of another profile than baseline is not: the camera is asked for raw pictures", another_profile);
  tm_test_run("what a camera would send is known before", described);
  return tm_test_end();
}
