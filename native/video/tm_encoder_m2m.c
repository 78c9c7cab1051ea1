// H.264 by a V4L2 memory-to-memory encoder of the board (bcm2835-codec and its like): one frame in, one access unit out.
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tm_encoder_impl.h"

enum { MAX_DEVICES = 64, PATH_OCTETS = 32, ENCODE_MS = 200, KEY_INTERVAL_S = 10, UNIT_OCTETS = 1 << 20 };

typedef struct {
  void *data;
  size_t octets;
} mapping;

typedef struct {
  int fd;
  tm_encoder_config config;
  mapping in, out;
  size_t stride, lines;  // of the device's luma plane
  uint8_t *unit;
  bool in_flight;
} state;

static int request(int fd, unsigned long what, void *argument)
{
  int result;
  do {
    result = ioctl(fd, what, argument);
  } while (result < 0 && errno == EINTR);
  return result;
}

static bool has_format(int fd, uint32_t type, uint32_t wanted)
{
  struct v4l2_fmtdesc format = {.type = type};
  for (; request(fd, VIDIOC_ENUM_FMT, &format) == 0; format.index++)
    if (format.pixelformat == wanted) return true;
  return false;
}

static int find(void)
{
  char path[PATH_OCTETS];
  struct v4l2_capability capability;
  for (int i = 0; i < MAX_DEVICES; i++) {
    (void)snprintf(path, sizeof path, "/dev/video%d", i);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) continue;
    if (request(fd, VIDIOC_QUERYCAP, &capability) == 0 && capability.device_caps & V4L2_CAP_VIDEO_M2M_MPLANE &&
        has_format(fd, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, V4L2_PIX_FMT_YUV420) &&
        has_format(fd, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, V4L2_PIX_FMT_H264))
      return fd;
    close(fd);
  }
  return -1;
}

static bool control(int fd, uint32_t id, int32_t value)
{
  struct v4l2_ext_control one = {.id = id, .value = value};
  struct v4l2_ext_controls all = {.which = V4L2_CTRL_WHICH_CUR_VAL, .count = 1, .controls = &one};
  return request(fd, VIDIOC_S_EXT_CTRLS, &all) == 0;
}

static int32_t level_of(uint8_t idc)
{
  static const struct {
    uint8_t idc;
    int32_t value;
  } rows[] = {{10, V4L2_MPEG_VIDEO_H264_LEVEL_1_0}, {11, V4L2_MPEG_VIDEO_H264_LEVEL_1_1}, {12, V4L2_MPEG_VIDEO_H264_LEVEL_1_2},
              {13, V4L2_MPEG_VIDEO_H264_LEVEL_1_3}, {20, V4L2_MPEG_VIDEO_H264_LEVEL_2_0}, {21, V4L2_MPEG_VIDEO_H264_LEVEL_2_1},
              {22, V4L2_MPEG_VIDEO_H264_LEVEL_2_2}, {30, V4L2_MPEG_VIDEO_H264_LEVEL_3_0}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (rows[i].idc == idc) return rows[i].value;
  return V4L2_MPEG_VIDEO_H264_LEVEL_3_1;
}

static bool set_format(int fd, uint32_t type, uint32_t pixels, const tm_encoder_config *config, struct v4l2_format *format)
{
  *format = (struct v4l2_format){.type = type};
  format->fmt.pix_mp.width = config->width;
  format->fmt.pix_mp.height = config->height;
  format->fmt.pix_mp.pixelformat = pixels;
  format->fmt.pix_mp.num_planes = 1;
  format->fmt.pix_mp.plane_fmt[0].sizeimage = pixels == V4L2_PIX_FMT_H264 ? UNIT_OCTETS : 0;
  return request(fd, VIDIOC_S_FMT, format) == 0 && format->fmt.pix_mp.pixelformat == pixels && format->fmt.pix_mp.num_planes == 1;
}

static bool map(int fd, uint32_t type, mapping *to)
{
  struct v4l2_requestbuffers wanted = {.count = 1, .type = type, .memory = V4L2_MEMORY_MMAP};
  struct v4l2_plane plane = {0};
  struct v4l2_buffer buffer = {.type = type, .memory = V4L2_MEMORY_MMAP, .m = {.planes = &plane}, .length = 1};
  if (request(fd, VIDIOC_REQBUFS, &wanted) != 0 || request(fd, VIDIOC_QUERYBUF, &buffer) != 0) return false;
  void *data = mmap(NULL, plane.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)plane.m.mem_offset);
  if (data == MAP_FAILED) return false;
  *to = (mapping){.data = data, .octets = plane.length};
  return true;
}

static bool queue(int fd, uint32_t type, size_t used)
{
  struct v4l2_plane plane = {.bytesused = (uint32_t)used};
  struct v4l2_buffer buffer = {.type = type, .memory = V4L2_MEMORY_MMAP, .m = {.planes = &plane}, .length = 1};
  return request(fd, VIDIOC_QBUF, &buffer) == 0;
}

static bool dequeue(int fd, uint32_t type, size_t *used, bool *key)
{
  struct v4l2_plane plane = {0};
  struct v4l2_buffer buffer = {.type = type, .memory = V4L2_MEMORY_MMAP, .m = {.planes = &plane}, .length = 1};
  if (request(fd, VIDIOC_DQBUF, &buffer) != 0) return false;
  *used = plane.bytesused;
  *key = buffer.flags & V4L2_BUF_FLAG_KEYFRAME;
  return true;
}

static bool set_fps(int fd, unsigned fps)
{
  struct v4l2_streamparm parameters = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE};
  parameters.parm.output.timeperframe = (struct v4l2_fract){1, fps};
  return request(fd, VIDIOC_S_PARM, &parameters) == 0;
}

static bool set_up(state *self)
{
  const tm_encoder_config *config = &self->config;
  struct v4l2_format in, out;
  int on = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, capture = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
  if (!set_format(self->fd, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, V4L2_PIX_FMT_YUV420, config, &in) ||
      !set_format(self->fd, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, V4L2_PIX_FMT_H264, config, &out))
    return false;
  self->stride = in.fmt.pix_mp.plane_fmt[0].bytesperline;
  self->lines = in.fmt.pix_mp.height;
  (void)set_fps(self->fd, config->fps);
  if (!control(self->fd, V4L2_CID_MPEG_VIDEO_H264_PROFILE, V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE) ||
      !control(self->fd, V4L2_CID_MPEG_VIDEO_BITRATE, (int32_t)config->bits_per_second) ||
      !control(self->fd, V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, 1))
    return false;
  (void)control(self->fd, V4L2_CID_MPEG_VIDEO_H264_LEVEL, level_of(config->level_idc));
  (void)control(self->fd, V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, (int32_t)(config->fps * KEY_INTERVAL_S));
  return map(self->fd, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, &self->in) && map(self->fd, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, &self->out) &&
         queue(self->fd, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, 0) && request(self->fd, VIDIOC_STREAMON, &on) == 0 &&
         request(self->fd, VIDIOC_STREAMON, &capture) == 0;
}

static void destroy(void *context)
{
  state *self = context;
  if (self->in.data) munmap(self->in.data, self->in.octets);
  if (self->out.data) munmap(self->out.data, self->out.octets);
  if (self->fd >= 0) close(self->fd);
  free(self->unit);
  free(self);
}

static tm_status create(const tm_encoder_config *config, void **context)
{
  state *self = calloc(1, sizeof *self);
  if (!self) return TM_ERR_MEMORY;
  self->config = *config;
  self->unit = malloc(UNIT_OCTETS);
  self->fd = find();
  tm_status status = !self->unit ? TM_ERR_MEMORY : self->fd < 0 ? TM_ERR_NOT_FOUND : TM_OK;
  if (status == TM_OK && config->slice_octets > 0 &&
      (!control(self->fd, V4L2_CID_MPEG_VIDEO_MULTI_SLICE_MODE, V4L2_MPEG_VIDEO_MULTI_SLICE_MODE_MAX_BYTES) ||
       !control(self->fd, V4L2_CID_MPEG_VIDEO_MULTI_SLICE_MAX_BYTES, (int32_t)config->slice_octets)))
    status = TM_ERR_UNSUPPORTED;
  if (status == TM_OK && !set_up(self)) status = TM_ERR_CODEC;
  if (status == TM_OK) *context = self;
  else destroy(self);
  return status;
}

static tm_status set_rate(void *context, uint32_t bits_per_second, unsigned fps)
{
  state *self = context;
  (void)set_fps(self->fd, fps);
  return control(self->fd, V4L2_CID_MPEG_VIDEO_BITRATE, (int32_t)bits_per_second) ? TM_OK : TM_ERR_CODEC;
}

static void force_key(void *context)
{
  (void)control(((state *)context)->fd, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 1);
}

static void copy_plane(uint8_t *to, size_t stride, const uint8_t *from, size_t width, size_t height)
{
  for (size_t line = 0; line < height; line++) memcpy(to + line * stride, from + line * width, width);
}

static tm_status encode(void *context, const tm_picture *picture, int64_t time_ms, tm_encoded *out)
{
  state *self = context;
  struct pollfd ready = {.fd = self->fd, .events = POLLIN};
  size_t used = 0, luma = self->stride * self->lines, octets = luma + luma / 2;
  bool key = false;
  (void)time_ms;
  if (self->in.octets < octets || self->stride < picture->width || self->lines < picture->height) return TM_ERR_CODEC;
  // Late by a frame: its input is still the device's.
  if (self->in_flight && !dequeue(self->fd, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, &used, &key)) return TM_OK;
  self->in_flight = false;
  uint8_t *in = self->in.data;
  copy_plane(in, self->stride, picture->y, picture->width, picture->height);
  copy_plane(in + luma, self->stride / 2, picture->u, picture->width / 2, picture->height / 2);
  copy_plane(in + luma + luma / 4, self->stride / 2, picture->v, picture->width / 2, picture->height / 2);
  if (!queue(self->fd, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, octets)) return TM_ERR_CODEC;
  self->in_flight = true;
  if (poll(&ready, 1, ENCODE_MS) <= 0) return TM_OK;
  if (!dequeue(self->fd, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, &used, &key)) return TM_ERR_CODEC;
  if (used > UNIT_OCTETS || used > self->out.octets) return TM_ERR_CODEC;
  memcpy(self->unit, self->out.data, used);
  *out = (tm_encoded){.data = self->unit, .octets = used, .key = key};
  return queue(self->fd, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, 0) ? TM_OK : TM_ERR_CODEC;
}

// The device tells its sets with a key frame only: one of a black picture.
static tm_status parameter_sets(void *context, const uint8_t **data, size_t *octets)
{
  state *self = context;
  tm_picture black;
  tm_encoded out = {0};
  tm_status status = tm_picture_create(self->config.width, self->config.height, &black);
  if (status != TM_OK) return status;
  force_key(self);
  status = encode(self, &black, 0, &out);
  tm_picture_destroy(&black);
  *data = out.data;
  *octets = out.octets;
  return status == TM_OK && out.octets == 0 ? TM_ERR_CODEC : status;
}

const tm_encoder_impl tm_encoder_m2m = {create, destroy, set_rate, force_key, encode, parameter_sets};
