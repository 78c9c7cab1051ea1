// H.264 Annex B: access units into a file.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tm_annexb.h"

enum { FILE_MODE = 0640 };

struct tm_annexb_writer {
  int fd;
  tm_status status; // the first error stays
  uint64_t written;
};

tm_status tm_annexb_create(const char *path, tm_annexb_writer **out) {
  tm_annexb_writer *w = calloc(1, sizeof *w);
  if (w == NULL) return TM_ERR_MEMORY;
  w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
  if (w->fd < 0) {
    int cause = errno;
    free(w);
    errno = cause;
    if (cause == ENOENT || cause == ENOTDIR) return TM_ERR_NOT_FOUND;
    return cause == EACCES || cause == EPERM || cause == EROFS ? TM_ERR_ACCESS : TM_ERR_IO;
  }
  *out = w;
  return TM_OK;
}

tm_status tm_annexb_write(tm_annexb_writer *w, const uint8_t *data, size_t bytes) {
  while (w->status == TM_OK && bytes > 0) {
    ssize_t put = write(w->fd, data, bytes);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      w->status = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? TM_ERR_DISK_FULL : TM_ERR_IO;
    } else {
      data += put;
      bytes -= (size_t)put;
      w->written += (size_t)put;
    }
  }
  return w->status;
}

uint64_t tm_annexb_written(const tm_annexb_writer *w) { return w->written; }

tm_status tm_annexb_finish(tm_annexb_writer *w) {
  if (w == NULL) return TM_OK;
  tm_status status = w->status;
  if (close(w->fd) != 0 && status == TM_OK) status = TM_ERR_IO;
  free(w);
  return status;
}
