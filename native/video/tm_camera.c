// A camera by V4L2 (Documentation/userspace-api/media/v4l): format choice, memory-mapped frames, key frames on demand.
#include "tm_camera.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BUFFERS = 4, KEY_INTERVAL_S = 10 };

static const int64_t NS_PER_S = INT64_C(1000000000), NS_PER_US = 1000;

struct tm_camera {
  const tm_camera_system *system;
  int fd;
  bool streaming;
  tm_camera_info info;
  struct {
    void *data;
    size_t octets;
  } buffers[BUFFERS];
  unsigned count;
};

// In order of preference: nothing to do, little to do, much to do.
static const struct {
  uint32_t pixels;
  tm_camera_format format;
} formats[] = {
    {V4L2_PIX_FMT_H264, TM_CAMERA_H264}, {V4L2_PIX_FMT_NV12, TM_CAMERA_NV12},   {V4L2_PIX_FMT_YUV420, TM_CAMERA_I420},
    {V4L2_PIX_FMT_YUYV, TM_CAMERA_YUYV}, {V4L2_PIX_FMT_MJPEG, TM_CAMERA_MJPEG}, {V4L2_PIX_FMT_JPEG, TM_CAMERA_MJPEG},
};

static int linux_open(const char *path, int flags)
{
  return open(path, flags);
}

static int linux_ioctl(int fd, unsigned long request, void *argument)
{
  return ioctl(fd, request, argument);
}

static void *linux_map(size_t octets, int fd, off_t offset)
{
  void *data = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
  return data == MAP_FAILED ? NULL : data;
}

static void linux_unmap(void *data, size_t octets)
{
  (void)munmap(data, octets);
}

static int linux_poll(struct pollfd *fd, int timeout_ms)
{
  return poll(fd, 1, timeout_ms);
}

const tm_camera_system tm_camera_linux = {linux_open, close, linux_ioctl, linux_map, linux_unmap, linux_poll};

static int request(const tm_camera *camera, unsigned long what, void *argument)
{
  int result;
  do {
    result = camera->system->ioctl(camera->fd, what, argument);
  } while (result < 0 && errno == EINTR);
  return result;
}

static bool is_camera(const tm_camera *camera)
{
  struct v4l2_capability capability = {0};
  if (request(camera, VIDIOC_QUERYCAP, &capability) != 0) return false;
  uint32_t can = capability.capabilities & V4L2_CAP_DEVICE_CAPS ? capability.device_caps : capability.capabilities;
  return can & V4L2_CAP_VIDEO_CAPTURE && can & V4L2_CAP_STREAMING;
}

static bool offers(const tm_camera *camera, uint32_t pixels)
{
  struct v4l2_fmtdesc format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
  for (; request(camera, VIDIOC_ENUM_FMT, &format) == 0; format.index++)
    if (format.pixelformat == pixels) return true;
  return false;
}

// The rate that the camera has at this size and format; it may give less light-hungry frames than asked for.
static unsigned set_fps(const tm_camera *camera, unsigned fps)
{
  struct v4l2_streamparm parameters = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
  parameters.parm.capture.timeperframe = (struct v4l2_fract){1, fps};
  if (request(camera, VIDIOC_S_PARM, &parameters) != 0) return fps;
  struct v4l2_fract period = parameters.parm.capture.timeperframe;
  if (period.numerator == 0 || period.denominator < period.numerator) return fps;
  return (period.denominator + period.numerator / 2) / period.numerator;
}

static bool take_format(tm_camera *camera, size_t row, const tm_camera_wish *wish)
{
  struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
  format.fmt.pix.width = wish->width;
  format.fmt.pix.height = wish->height;
  format.fmt.pix.pixelformat = formats[row].pixels;
  format.fmt.pix.field = V4L2_FIELD_NONE;
  if (request(camera, VIDIOC_S_FMT, &format) != 0) return false;
  const struct v4l2_pix_format *got = &format.fmt.pix;
  if (got->pixelformat != formats[row].pixels || got->width == 0 || got->height == 0) return false;
  bool compressed = formats[row].format == TM_CAMERA_H264 || formats[row].format == TM_CAMERA_MJPEG;
  camera->info = (tm_camera_info){.format = formats[row].format,
                                  .width = got->width & ~1u,
                                  .height = got->height & ~1u,
                                  .fps = set_fps(camera, wish->fps),
                                  .stride = compressed ? 0 : got->bytesperline};
  return true;
}

static tm_status choose_format(tm_camera *camera, const tm_camera_wish *wish, int *code)
{
  int first = 0;
  for (size_t row = 0; row < sizeof formats / sizeof formats[0]; row++) {
    if (formats[row].format == TM_CAMERA_H264 && !wish->h264) continue;
    if (!offers(camera, formats[row].pixels)) continue;
    if (take_format(camera, row, wish)) return TM_OK;
    if (!first) first = errno;
  }
  *code = first;
  return first == EBUSY ? TM_ERR_IO : TM_ERR_UNSUPPORTED;
}

static tm_status start(tm_camera *camera, int *code)
{
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  struct v4l2_requestbuffers wanted = {.count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
  if (request(camera, VIDIOC_REQBUFS, &wanted) != 0 || wanted.count < 2) goto failed;
  for (unsigned i = 0; i < wanted.count && i < BUFFERS; i++) {
    struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP, .index = i};
    if (request(camera, VIDIOC_QUERYBUF, &buffer) != 0) goto failed;
    camera->buffers[i].data = camera->system->map(buffer.length, camera->fd, (off_t)buffer.m.offset);
    if (!camera->buffers[i].data) goto failed;
    camera->buffers[i].octets = buffer.length;
    camera->count = i + 1;
    if (request(camera, VIDIOC_QBUF, &buffer) != 0) goto failed;
  }
  if (request(camera, VIDIOC_STREAMON, &type) != 0) goto failed;
  camera->streaming = true;
  return TM_OK;
failed:
  *code = errno;
  return TM_ERR_IO;
}

static bool control(tm_camera *camera, uint32_t id, int32_t value)
{
  struct v4l2_ext_control one = {.id = id, .value = value};
  struct v4l2_ext_controls all = {.which = V4L2_CTRL_WHICH_CUR_VAL, .count = 1, .controls = &one};
  return request(camera, VIDIOC_S_EXT_CTRLS, &all) == 0;
}

// Wishes: a camera that does not know them still gives H.264, and NAL inspection finds what it is.
static void prepare_h264(tm_camera *camera)
{
  (void)control(camera, V4L2_CID_MPEG_VIDEO_H264_PROFILE, V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE);
  (void)control(camera, V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, 1);
  (void)control(camera, V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, (int32_t)(camera->info.fps * KEY_INTERVAL_S));
}

static tm_status status_of(int code)
{
  if (code == ENOENT || code == ENODEV || code == ENXIO) return TM_ERR_NOT_FOUND;
  return code == EACCES || code == EPERM ? TM_ERR_ACCESS : TM_ERR_IO;
}

// Opened and set to a format, not started.
static tm_status prepare(const tm_camera_system *system, const char *path, const tm_camera_wish *wish, tm_camera **camera, int *code)
{
  *camera = NULL;
  *code = 0;
  tm_camera *made = calloc(1, sizeof *made);
  if (!made) return TM_ERR_MEMORY;
  made->system = system;
  made->fd = system->open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  tm_status status = TM_OK;
  if (made->fd < 0) {
    *code = errno;
    status = status_of(errno);
  } else if (!is_camera(made)) {
    status = TM_ERR_UNSUPPORTED;
  }
  if (status == TM_OK) status = choose_format(made, wish, code);
  if (status == TM_OK) *camera = made;
  else tm_camera_close(made);
  return status;
}

tm_status tm_camera_open(const tm_camera_system *system, const char *path, const tm_camera_wish *wish, tm_camera **camera, int *code)
{
  tm_status status = prepare(system, path, wish, camera, code);
  if (status != TM_OK) return status;
  if ((*camera)->info.format == TM_CAMERA_H264) prepare_h264(*camera);
  status = start(*camera, code);
  if (status == TM_OK) return TM_OK;
  tm_camera_close(*camera);
  *camera = NULL;
  return status;
}

tm_status tm_camera_probe(const tm_camera_system *system, const char *path, const tm_camera_wish *wish, tm_camera_info *info, int *code)
{
  tm_camera *camera;
  tm_status status = prepare(system, path, wish, &camera, code);
  if (status != TM_OK) return status;
  *info = camera->info;
  tm_camera_close(camera);
  return TM_OK;
}

void tm_camera_close(tm_camera *camera)
{
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (!camera) return;
  if (camera->streaming) (void)request(camera, VIDIOC_STREAMOFF, &type);
  for (unsigned i = 0; i < camera->count; i++) camera->system->unmap(camera->buffers[i].data, camera->buffers[i].octets);
  if (camera->fd >= 0) (void)camera->system->close(camera->fd);
  free(camera);
}

const tm_camera_info *tm_camera_get_info(const tm_camera *camera)
{
  return &camera->info;
}

tm_status tm_camera_read(tm_camera *camera, int timeout_ms, tm_camera_frame *frame, int *code)
{
  struct pollfd ready = {.fd = camera->fd, .events = POLLIN};
  struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
  *code = 0;
  int count = camera->system->poll(&ready, timeout_ms);
  if (count == 0 || (count < 0 && errno == EINTR)) return TM_ERR_END;
  if (count < 0 || request(camera, VIDIOC_DQBUF, &buffer) != 0) {
    *code = errno;
    return errno == EAGAIN && !(ready.revents & (POLLERR | POLLHUP)) ? TM_ERR_END : TM_ERR_IO;
  }
  if (buffer.index >= camera->count || buffer.bytesused > camera->buffers[buffer.index].octets) return TM_ERR_IO;
  *frame = (tm_camera_frame){
      .data = camera->buffers[buffer.index].data,
      .octets = buffer.flags & V4L2_BUF_FLAG_ERROR ? 0 : buffer.bytesused,
      .time_ns = (int64_t)buffer.timestamp.tv_sec * NS_PER_S + (int64_t)buffer.timestamp.tv_usec * NS_PER_US,
      .index = buffer.index};
  return TM_OK;
}

void tm_camera_give_back(tm_camera *camera, const tm_camera_frame *frame)
{
  struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP, .index = frame->index};
  // A camera that does not take its frame back is found out by the next read.
  (void)request(camera, VIDIOC_QBUF, &buffer);
}

bool tm_camera_force_key(tm_camera *camera)
{
  return camera->info.format == TM_CAMERA_H264 && control(camera, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 1);
}

bool tm_camera_set_rate(tm_camera *camera, uint32_t bits_per_second)
{
  return camera->info.format == TM_CAMERA_H264 && control(camera, V4L2_CID_MPEG_VIDEO_BITRATE, (int32_t)bits_per_second);
}
