// H.264 Annex B, 7.4.1.2.3: access units out of a file, at their times.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tm_annexb.h"

enum {
  FRAME_BYTES = 1024 * 1024,
  CHUNK_BYTES = 64 * 1024,
  START_BYTES = 3,
  DEFAULT_MILLIFPS = 30000,
  MOST_MILLIFPS = 240000,
  LEAST_MILLIFPS = 1000,
};

struct tm_annexb_reader {
  int fd;
  bool loop, ended;
  uint32_t millifps;
  uint64_t frames;
  size_t from, used, capacity; // what is read and not yet given: [from, used) of the buffer
  bool has_sps;
  tm_h264_sps sps;
  tm_h264_inspector inspector;
  uint8_t *buffer;
};

// More octets of the file behind what is there. END at its end, SPACE when the buffer is full.
static tm_status refill(tm_annexb_reader *r) {
  if (r->ended) return TM_ERR_END;
  if (r->from > 0) {
    memmove(r->buffer, r->buffer + r->from, r->used - r->from);
    r->used -= r->from;
    r->from = 0;
  }
  size_t room = r->capacity - r->used;
  if (room == 0) return TM_ERR_SPACE;
  ssize_t got = 0;
  do got = read(r->fd, r->buffer + r->used, room < CHUNK_BYTES ? room : CHUNK_BYTES);
  while (got < 0 && errno == EINTR);
  if (got < 0) return TM_ERR_IO;
  if (got == 0) {
    r->ended = true;
    return TM_ERR_END;
  }
  r->used += (size_t)got;
  return TM_OK;
}

// Offset from `from` of the first start code at or after `at`, reading on as needed; END: `*where` is the end of the file.
static tm_status find_start(tm_annexb_reader *r, size_t at, size_t *where) {
  for (;;) {
    const uint8_t *end = r->buffer + r->used;
    const uint8_t *found = tm_nal_find_start(r->buffer + r->from + at, end);
    *where = (size_t)(found - r->buffer) - r->from;
    if (found != end) return TM_OK;
    size_t have = r->used - r->from;
    at = have >= at + START_BYTES ? have - (START_BYTES - 1) : at;
    tm_status status = refill(r);
    if (status != TM_OK) return status;
  }
}

typedef struct scan {
  bool has_slice;
  tm_h264_slice slice; // the last one
  tm_annexb_frame frame;
} scan;

// 7.4.1.2.3: the types that begin an access unit when they come after a picture.
static bool begins_unit(uint8_t type) {
  return type == TM_NAL_AUD || type == TM_NAL_SPS || type == TM_NAL_PPS || type == TM_NAL_SEI || (type >= 14 && type <= 18);
}

// Whether the NAL unit belongs to the next access unit; else it is noted.
static bool is_next(tm_annexb_reader *r, scan *s, const tm_nal *nal) {
  tm_h264_unit unit;
  if (s->has_slice && begins_unit(nal->type)) return true;
  bool good = tm_h264_inspect(&r->inspector, nal, &unit) == TM_OK;
  if (good && unit.is_slice) {
    if (s->has_slice && tm_h264_begins_picture(&s->slice, &unit.slice)) return true;
    s->slice = unit.slice;
    s->has_slice = true;
    s->frame.key |= unit.slice.idr;
  }
  if (unit.sps != NULL && !r->has_sps) {
    r->sps = *unit.sps;
    r->has_sps = true;
  }
  s->frame.has_sps |= unit.sps != NULL;
  s->frame.has_pps |= unit.pps != NULL;
  return false;
}

static tm_status next_unit(tm_annexb_reader *r, tm_annexb_frame *frame) {
  scan s = {0};
  size_t begin = 0;
  tm_status status = find_start(r, 0, &begin);
  if (status != TM_OK) return status;
  if (begin > 0 && r->buffer[r->from + begin - 1] == 0) begin--; // zero_byte
  r->from += begin;
  size_t at = 0;
  status = find_start(r, 0, &at);
  while (status == TM_OK) {
    size_t end = 0;
    status = find_start(r, at + START_BYTES, &end);
    if (status != TM_OK && status != TM_ERR_END) return status;
    size_t last = end;
    while (last > at + START_BYTES && r->buffer[r->from + last - 1] == 0) last--;
    tm_nal nal;
    size_t bytes = last - at - START_BYTES;
    if (bytes > 0) {
      tm_nal_header(r->buffer + r->from + at + START_BYTES, bytes, &nal);
      if (is_next(r, &s, &nal)) break;
    }
    at = end;
  }
  if (!s.has_slice) return TM_ERR_END; // sets or SEI alone at the end of the file
  if (at > 0 && at < r->used - r->from && r->buffer[r->from + at - 1] == 0) at--;
  *frame = s.frame;
  frame->data = r->buffer + r->from;
  frame->bytes = at;
  r->from += at;
  return TM_OK;
}

static tm_status begin_again(tm_annexb_reader *r) {
  r->from = r->used = 0;
  r->ended = false;
  return lseek(r->fd, 0, SEEK_SET) < 0 ? TM_ERR_IO : TM_OK;
}

static uint32_t rate_of(const tm_annexb_reader *r) {
  if (!r->has_sps || !r->sps.has_timing) return DEFAULT_MILLIFPS;
  uint64_t milli = 1000u * (uint64_t)r->sps.time_scale / (2u * (uint64_t)r->sps.units_in_tick);
  return milli >= LEAST_MILLIFPS && milli <= MOST_MILLIFPS ? (uint32_t)milli : DEFAULT_MILLIFPS;
}

static tm_status open_error(int cause) {
  if (cause == ENOENT || cause == ENOTDIR) return TM_ERR_NOT_FOUND;
  return cause == EACCES || cause == EPERM ? TM_ERR_ACCESS : TM_ERR_IO;
}

// What can be read from its beginning again; O_NONBLOCK: a FIFO without a writer must not hang us.
static tm_status open_file(tm_annexb_reader *r, const char *path) {
  struct stat about;
  r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (r->fd < 0) return open_error(errno);
  if (fstat(r->fd, &about) != 0) return TM_ERR_IO;
  return S_ISREG(about.st_mode) ? TM_OK : TM_ERR_ACCESS;
}

tm_status tm_annexb_open(const char *path, const tm_annexb_options *options, tm_annexb_reader **out) {
  if (options->millifps > MOST_MILLIFPS) return TM_ERR_ARGUMENT;
  tm_annexb_reader *r = calloc(1, sizeof *r);
  if (r == NULL) return TM_ERR_MEMORY;
  r->fd = -1;
  r->loop = options->loop;
  r->capacity = (options->max_frame == 0 ? FRAME_BYTES : options->max_frame) + CHUNK_BYTES;
  r->buffer = malloc(r->capacity);
  tm_status status = r->buffer == NULL ? TM_ERR_MEMORY : TM_OK;
  if (status == TM_OK) status = open_file(r, path);
  tm_annexb_frame first;
  if (status == TM_OK) status = next_unit(r, &first);
  if (status == TM_ERR_END) status = TM_ERR_MALFORMED;
  if (status == TM_OK) status = begin_again(r);
  if (status != TM_OK) {
    tm_annexb_close(r);
    return status;
  }
  r->millifps = options->millifps != 0 ? options->millifps : rate_of(r);
  *out = r;
  return TM_OK;
}

tm_status tm_annexb_next(tm_annexb_reader *r, tm_annexb_frame *frame) {
  tm_status status = next_unit(r, frame);
  if (status == TM_ERR_END && r->loop) {
    status = begin_again(r);
    if (status == TM_OK) status = next_unit(r, frame);
  }
  if (status != TM_OK) return status;
  frame->time_us = r->frames * 1000000000u / r->millifps;
  frame->timestamp = (uint32_t)(r->frames * (1000u * (uint64_t)TM_H264_CLOCK_HZ) / r->millifps);
  r->frames++;
  return TM_OK;
}

tm_status tm_annexb_rewind(tm_annexb_reader *r) { return begin_again(r); }

const tm_h264_sps *tm_annexb_sps(const tm_annexb_reader *r) { return r->has_sps ? &r->sps : NULL; }

uint32_t tm_annexb_millifps(const tm_annexb_reader *r) { return r->millifps; }

void tm_annexb_close(tm_annexb_reader *r) {
  if (r == NULL) return;
  if (r->fd >= 0) close(r->fd);
  free(r->buffer);
  free(r);
}
