// A camera by V4L2: memory-mapped frames in the format that serves best. One thread; reading waits, so never a real-time one.
#ifndef TM_CAMERA_H
#define TM_CAMERA_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tm_status.h"

typedef enum { TM_CAMERA_H264, TM_CAMERA_NV12, TM_CAMERA_I420, TM_CAMERA_YUYV, TM_CAMERA_MJPEG } tm_camera_format;

typedef struct {
  unsigned width, height, fps;
  bool h264;  // take the camera's own H.264 when it has some
} tm_camera_wish;

/** What it became: the nearest the camera has. */
typedef struct {
  tm_camera_format format;
  unsigned width, height, fps;
  size_t stride;  // octets of a luma line; 0: compressed
} tm_camera_info;

typedef struct {
  const uint8_t *data;
  size_t octets;
  int64_t time_ns;  // monotonic, of the capture
  unsigned index;
} tm_camera_frame;

typedef struct tm_camera tm_camera;

/** The system calls a camera is made of; tests put a camera of their own behind them. */
typedef struct {
  int (*open)(const char *path, int flags);
  int (*close)(int fd);
  int (*ioctl)(int fd, unsigned long request, void *argument);
  void *(*map)(size_t octets, int fd, off_t offset);  // NULL: failed
  void (*unmap)(void *data, size_t octets);
  int (*poll)(struct pollfd *fd, int timeout_ms);
} tm_camera_system;

extern const tm_camera_system tm_camera_linux;

/**
 * Opens `path` and starts it. `*code` is the errno behind a failure. Errors: NOT_FOUND, ACCESS, UNSUPPORTED (no camera, or no format that
 * we read), IO (busy: code is EBUSY; anything else), MEMORY.
 */
tm_status tm_camera_open(const tm_camera_system *system, const char *path, const tm_camera_wish *wish, tm_camera **camera, int *code);
void tm_camera_close(tm_camera *camera);
/** What tm_camera_open would make of it, without starting the camera. Errors as there. */
tm_status tm_camera_probe(const tm_camera_system *system, const char *path, const tm_camera_wish *wish, tm_camera_info *info, int *code);
const tm_camera_info *tm_camera_get_info(const tm_camera *camera);

/** Waits up to `timeout_ms` for the next frame; give it back before the next. END: none came. IO: the camera is gone or broke (close it). */
tm_status tm_camera_read(tm_camera *camera, int timeout_ms, tm_camera_frame *frame, int *code);
void tm_camera_give_back(tm_camera *camera, const tm_camera_frame *frame);

/** H.264 cameras: next frame an IDR. False: the camera cannot be asked. */
bool tm_camera_force_key(tm_camera *camera);
/** H.264 cameras: bit rate of what follows. False: the camera cannot be asked. */
bool tm_camera_set_rate(tm_camera *camera, uint32_t bits_per_second);

/** Cameras of this host by names that survive a restart (/dev/v4l/by-id, else /dev/videoN). */
void tm_camera_list(void (*each)(void *context, const char *name, const char *description), void *context);

#endif
