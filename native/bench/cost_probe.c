// Processor time of calls in the engine, and of the codec libraries alone on the same sound and pictures. Prints a line of JSON each:
// milliseconds of processor for a second of call. `cost_probe voice|video`.
#include <arpa/inet.h>
#include <linux/videodev2.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "engine_private.h"
#include "tm_codec.h"
#include "video.h"
#include "video_source.h"

enum {
  SECONDS = 4,
  SETTLE_MS = 700,
  WIDTH = 640,
  HEIGHT = 480,
  FPS = 30,
  RATE_BPS = 800000,
  YUYV_OCTETS = WIDTH * HEIGHT * 2,
  BUFFERS = 4,
  SEQUENCE = 60,  // pictures that come again and again
  FD = 77,
};

static double processor_ms(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void sleep_ms(int ms)
{
  struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
  while (nanosleep(&ts, &ts) != 0 && errno == EINTR) continue;
}

static double over_seconds(void)
{
  sleep_ms(SETTLE_MS);
  int64_t begun = tm_now_ns();
  double before = processor_ms();
  sleep_ms(SECONDS * 1000);
  return (processor_ms() - before) / ((double)(tm_now_ns() - begun) / 1e9);
}

static void print(const char *what, unsigned streams, double ms)
{
  printf("{\"what\":\"%s\",\"streams\":%u,\"ms\":%.3f}\n", what, streams, ms);
  fflush(stdout);
}

// One direction coded, one decoded, as a call has it.
static bool voice_library(void)
{
  tm_codec_config config = {.id = TM_CODEC_AMR_WB, .initial_mode = 8};
  tm_codec *codec;
  int16_t pcm[TM_MAX_FRAME_SAMPLES], heard[TM_MAX_FRAME_SAMPLES];
  tm_frame frame;
  if (tm_codec_create(&config, &codec) != TM_OK) return false;
  double phase = 0, before = processor_ms();
  for (int i = 0; i < 50 * SECONDS; i++) {
    for (int k = 0; k < 320; k++, phase += 2 * 3.14159265358979 * 440 / 16000) pcm[k] = (int16_t)(8000 * sin(phase));
    if (tm_codec_encode(codec, pcm, &frame) != TM_OK || tm_codec_decode(codec, &frame, heard) != TM_OK) return false;
  }
  print("libraries", 1, (processor_ms() - before) / SECONDS);
  tm_codec_destroy(codec);
  return true;
}

// Every stream talks to itself.
static bool voice_streams(unsigned count)
{
  tm_error error = {.status = TM_ENGINE_OK};
  tm_engine_options options = {.realtime = true};
  tm_engine *engine = tm_engine_create(&options, &error);
  if (!engine) return false;
  for (unsigned i = 0; i < count; i++) {
    uint32_t id;
    tm_stream_options ends = {.address = "127.0.0.1", .capture = {.kind = TM_ENDPOINT_TONE, .hertz = 440}};
    if (tm_stream_open(engine, &ends, &id, &error) != TM_ENGINE_OK) return false;
    tm_stream_config config = {.remote_address = "127.0.0.1", .remote_port = tm_stream_port(engine, id),
                               .codec = TM_CODEC_NAME_AMR_WB, .payload_type = 96, .receive_payload_type = 96, .mode_set = 1u << 8,
                               .dtmf_payload_type = -1, .dtmf_receive_payload_type = -1, .ptime_ms = 20, .send = true, .receive = true,
                               .rtcp_receivers_bps = 2000, .cname = "bench@localhost"};
    if (tm_stream_configure(engine, id, &config, &error) != TM_ENGINE_OK) return false;
  }
  print("streams", count, over_seconds() / count);
  tm_engine_destroy(engine);
  return true;
}

// A camera that shows bars which move, at its pace.
static struct {
  uint8_t *pictures[SEQUENCE];
  uint8_t *buffers[BUFFERS];
  bool queued[BUFFERS];
  int frames;
  int64_t begun_ns;
} camera;

static int camera_open(const char *path, int flags)
{
  (void)path;
  (void)flags;
  return FD;
}

static int camera_close(int fd)
{
  (void)fd;
  return 0;
}

static int fail_with(int code)
{
  errno = code;
  return -1;
}

static int dequeue(struct v4l2_buffer *buffer)
{
  for (unsigned i = 0; i < BUFFERS; i++) {
    if (!camera.queued[i]) continue;
    camera.queued[i] = false;
    buffer->index = i;
    buffer->bytesused = YUYV_OCTETS;
    // A camera writes by itself: its copying is not of our account, so that buffers only take turns.
    camera.buffers[i] = camera.pictures[camera.frames++ % SEQUENCE];
    int64_t now = tm_now_ns();
    buffer->timestamp.tv_sec = now / TM_NS_PER_S;
    buffer->timestamp.tv_usec = now % TM_NS_PER_S / TM_NS_PER_US;
    return 0;
  }
  return fail_with(EAGAIN);
}

static int camera_ioctl(int fd, unsigned long request, void *argument)
{
  (void)fd;
  struct v4l2_buffer *buffer = argument;
  struct v4l2_format *format = argument;
  struct v4l2_fmtdesc *description = argument;
  switch (request) {
    case VIDIOC_QUERYCAP: ((struct v4l2_capability *)argument)->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING; return 0;
    case VIDIOC_ENUM_FMT:
      if (description->index > 0) return fail_with(EINVAL);
      description->pixelformat = V4L2_PIX_FMT_YUYV;
      return 0;
    case VIDIOC_S_FMT:
      format->fmt.pix.width = WIDTH;
      format->fmt.pix.height = HEIGHT;
      format->fmt.pix.bytesperline = WIDTH * 2;
      return 0;
    case VIDIOC_S_PARM:
    case VIDIOC_REQBUFS:
    case VIDIOC_STREAMON:
    case VIDIOC_STREAMOFF: return 0;
    case VIDIOC_QUERYBUF:
      buffer->length = YUYV_OCTETS;
      buffer->m.offset = buffer->index;
      return 0;
    case VIDIOC_QBUF: camera.queued[buffer->index] = true; return 0;
    case VIDIOC_DQBUF: return dequeue(buffer);
    default: return fail_with(ENOTTY);
  }
}

static void *camera_map(size_t octets, int fd, off_t offset)
{
  (void)octets;
  (void)fd;
  return camera.buffers[offset];
}

static void camera_unmap(void *data, size_t octets)
{
  (void)data;
  (void)octets;
}

static int camera_poll(struct pollfd *fd, int timeout_ms)
{
  int64_t due = camera.begun_ns + (int64_t)camera.frames * TM_NS_PER_S / FPS, wait = (due - tm_now_ns()) / TM_NS_PER_MS;
  if (wait > timeout_ms) {
    sleep_ms(timeout_ms);
    return 0;
  }
  if (wait > 0) sleep_ms((int)wait);
  fd->revents = POLLIN;
  return 1;
}

static const tm_camera_system made_up = {camera_open, camera_close, camera_ioctl, camera_map, camera_unmap, camera_poll};

static bool paint(void)
{
  uint32_t chance = 1;
  for (int n = 0; n < SEQUENCE; n++) {
    uint8_t *at = camera.pictures[n] = malloc(YUYV_OCTETS);
    if (!at) return false;
    for (int y = 0; y < HEIGHT; y++)
      for (int x = 0; x < WIDTH; x++, at += 2) {
        chance = chance * 1664525u + 1013904223u;
        at[0] = (uint8_t)(40 + ((x + n * 4) / 40 * 37 + y / 4 + (int)(chance >> 30)) % 170);
        at[1] = (uint8_t)(100 + (x / 80 + y / 80 + n / 8) % 56);
      }
  }
  for (int i = 0; i < BUFFERS; i++) camera.buffers[i] = camera.pictures[i];
  return true;
}

// The pictures are I420 already: what a camera's format costs is the engine's.
static bool video_library(void)
{
  tm_encoder_config config = {.width = WIDTH, .height = HEIGHT, .fps = FPS, .bits_per_second = RATE_BPS, .level_idc = 31};
  tm_encoder *encoder;
  tm_picture pictures[SEQUENCE];
  tm_encoded out;
  if (tm_encoder_create(TM_ENCODER_SOFTWARE, &config, &encoder) != TM_OK) return false;
  for (int n = 0; n < SEQUENCE; n++) {
    if (tm_picture_create(WIDTH, HEIGHT, &pictures[n]) != TM_OK) return false;
    for (int i = 0; i < WIDTH * HEIGHT; i++) pictures[n].y[i] = camera.pictures[n][2 * i];
    for (int i = 0; i < WIDTH * HEIGHT / 4; i++) {
      const uint8_t *pair = camera.pictures[n] + (i / (WIDTH / 2) * 2 * WIDTH + i % (WIDTH / 2) * 2) * 2;
      pictures[n].u[i] = pair[1];
      pictures[n].v[i] = pair[3];
    }
  }
  double before = processor_ms();
  for (int i = 0; i < FPS * SECONDS; i++)
    if (tm_encoder_encode(encoder, &pictures[i % SEQUENCE], (int64_t)i * 1000 / FPS, &out) != TM_OK) return false;
  print("library", 1, (processor_ms() - before) / SECONDS);
  tm_encoder_destroy(encoder);
  for (int n = 0; n < SEQUENCE; n++) tm_picture_destroy(&pictures[n]);
  return true;
}

static bool video_call(void)
{
  tm_error error = {.status = TM_ENGINE_OK};
  tm_engine_options options = {.realtime = true};
  struct sockaddr_in sink = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t octets = sizeof sink;
  tm_video_options ports = {.address = "127.0.0.1"};
  tm_endpoint source = {.kind = TM_ENDPOINT_DEVICE, .name = "/dev/made-up"};
  uint32_t id;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  tm_engine *engine = tm_engine_create(&options, &error);
  if (!engine || fd < 0 || bind(fd, (struct sockaddr *)&sink, sizeof sink) != 0 || getsockname(fd, (struct sockaddr *)&sink, &octets) != 0)
    return false;
  tm_video_pool_destroy(engine->cameras);
  engine->cameras = tm_video_pool_create(&made_up);
  camera.begun_ns = tm_now_ns();
  tm_video_config config = {.remote_address = "127.0.0.1", .remote_port = ntohs(sink.sin_port), .payload_type = 104, .receive_payload_type = 104,
                            .packetization_mode = 1, .profile_level_id = 0x42E01F, .bandwidth_kbps = RATE_BPS / 1000, .nack = true, .pli = true,
                            .avpf = true, .send = true, .cname = "bench@localhost"};
  if (!engine->cameras || tm_video_open(engine, &ports, &id, &error) != TM_ENGINE_OK ||
      tm_video_attach(engine, id, &source, NULL, &error) != TM_ENGINE_OK || tm_video_configure(engine, id, &config, &error) != TM_ENGINE_OK)
    return false;
  sleep_ms(SETTLE_MS);
  tm_video_stats before = {.ssrc = 0}, stats = {.ssrc = 0};
  (void)tm_video_stats_get(engine, id, &before);
  double spent = processor_ms();
  sleep_ms(SECONDS * 1000);
  spent = processor_ms() - spent;
  bool fine = tm_video_stats_get(engine, id, &stats) == TM_ENGINE_OK && stats.frames_sent > before.frames_sent && stats.sent_width == WIDTH;
  // For as many pictures as the library was given: a busy machine leaves some out.
  double ms = fine ? spent * FPS / (double)(stats.frames_sent - before.frames_sent) : 0;
  if (!fine) fprintf(stderr, "cost_probe: %llu pictures of %u\n", (unsigned long long)stats.frames_sent, stats.sent_width);
  print("call", 1, ms);
  tm_engine_destroy(engine);
  close(fd);
  return fine;
}

int main(int count, char **arguments)
{
  const char *what = count > 1 ? arguments[1] : "";
  bool fine = false;
  if (strcmp(what, "voice") == 0) {
    fine = voice_library();
    for (unsigned streams = 1; fine && streams <= 32; streams *= 2) fine = voice_streams(streams);
  } else if (strcmp(what, "video") == 0) {
    fine = paint() && video_library() && video_call();
  } else {
    fprintf(stderr, "cost_probe voice|video\n");
    return 2;
  }
  return fine ? 0 : 1;
}
