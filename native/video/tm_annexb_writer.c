// H.264 Annex B: access units into a file.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tm_annexb.h"

enum { FILE_MODE = 0640 };

struct tm_annexb_writer {
  int fd;
  tm_status status; // the first error stays
  uint64_t written;
};

// O_NONBLOCK: a FIFO that nobody reads must not hang us; it is refused.
static tm_status open_file(tm_annexb_writer *w, const char *path) {
  struct stat about;
  w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, FILE_MODE);
  if (w->fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return TM_ERR_NOT_FOUND;
    return errno == EACCES || errno == EPERM || errno == EROFS || errno == EISDIR || errno == ENXIO ? TM_ERR_ACCESS : TM_ERR_IO;
  }
  if (fstat(w->fd, &about) != 0) return TM_ERR_IO;
  return S_ISREG(about.st_mode) || S_ISCHR(about.st_mode) ? TM_OK : TM_ERR_ACCESS;
}

tm_status tm_annexb_create(const char *path, tm_annexb_writer **out) {
  tm_annexb_writer *w = calloc(1, sizeof *w);
  if (w == NULL) return TM_ERR_MEMORY;
  tm_status status = open_file(w, path);
  if (status != TM_OK) {
    int cause = errno;
    if (w->fd >= 0) close(w->fd);
    free(w);
    errno = cause;
    return status;
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
