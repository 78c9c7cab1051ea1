// WAV writer: mono, 16-bit; the header is brought up to date every second, so that a killed process leaves a valid file.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tm_wav.h"
#include "tm_wav_format.h"

enum {
  HEADER_BYTES = WAV_RIFF_HEADER_BYTES + WAV_CHUNK_HEADER_BYTES + WAV_FMT_BYTES + WAV_CHUNK_HEADER_BYTES,
  PIECE_SAMPLES = 1024,
  FILE_MODE = 0644,
};
// The size fields have 32 bits.
static const uint64_t MAX_SAMPLES = (UINT32_MAX - HEADER_BYTES) / WAV_SAMPLE_BYTES;

struct tm_wav_writer {
  int file;
  uint32_t rate;
  uint64_t samples;        // whole samples in the file
  uint64_t header_samples; // that the header tells of
  tm_status failure;       // first error, kept
  int cause;               // its errno
};

static tm_status status_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return TM_ERR_DISK_FULL;
    case ENOENT:
    case ENOTDIR: return TM_ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
    case EISDIR: return TM_ERR_ACCESS;
    default: return TM_ERR_IO;
  }
}

static tm_status fail(tm_wav_writer *writer, tm_status status, int error) {
  if (writer->failure == TM_OK) {
    writer->failure = status;
    writer->cause = error;
  }
  errno = writer->cause;
  return writer->failure;
}

/// Octets written before an error, which is left in errno.
static size_t write_at(int file, off_t offset, const uint8_t *data, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    ssize_t put = pwrite(file, data + done, bytes - done, offset + (off_t)done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      if (put == 0) errno = ENOSPC;
      break;
    }
    done += (size_t)put;
  }
  return done;
}

static tm_status write_header(tm_wav_writer *writer) {
  uint32_t data_bytes = (uint32_t)(writer->samples * WAV_SAMPLE_BYTES);
  uint8_t header[HEADER_BYTES];
  memcpy(header, "RIFF", 4);
  wav_put32(header + 4, HEADER_BYTES - WAV_CHUNK_HEADER_BYTES + data_bytes);
  memcpy(header + 8, "WAVEfmt ", 8);
  wav_put32(header + 16, WAV_FMT_BYTES);
  wav_put16(header + 20, WAV_TAG_PCM);
  wav_put16(header + 22, 1); // channels
  wav_put32(header + 24, writer->rate);
  wav_put32(header + 28, writer->rate * WAV_SAMPLE_BYTES);
  wav_put16(header + 32, WAV_SAMPLE_BYTES);
  wav_put16(header + 34, WAV_SAMPLE_BITS);
  memcpy(header + 36, "data", 4);
  wav_put32(header + 40, data_bytes);
  if (write_at(writer->file, 0, header, sizeof header) != sizeof header) return fail(writer, status_of(errno), errno);
  writer->header_samples = writer->samples;
  return TM_OK;
}

tm_status tm_wav_create(const char *path, uint32_t sample_hz, tm_wav_writer **writer) {
  *writer = NULL;
  if (sample_hz < TM_WAV_MIN_HZ || sample_hz > TM_WAV_MAX_HZ) return TM_ERR_ARGUMENT;
  tm_wav_writer *self = calloc(1, sizeof *self);
  if (self == NULL) return TM_ERR_MEMORY;
  self->rate = sample_hz;
  self->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, FILE_MODE);
  tm_status status = TM_OK;
  struct stat about;
  if (self->file < 0) {
    status = status_of(errno);
  } else if (fstat(self->file, &about) != 0) {
    status = TM_ERR_IO;
  } else if (!S_ISREG(about.st_mode) && !S_ISCHR(about.st_mode)) {
    status = TM_ERR_ACCESS;
  } else {
    status = write_header(self);
  }
  if (status != TM_OK) {
    int cause = errno;
    if (self->file >= 0) close(self->file);
    free(self);
    errno = cause;
    return status;
  }
  *writer = self;
  return TM_OK;
}

/// One piece of at most PIECE_SAMPLES.
static tm_status write_piece(tm_wav_writer *writer, const int16_t *pcm, size_t count) {
  uint8_t piece[PIECE_SAMPLES * WAV_SAMPLE_BYTES];
  for (size_t i = 0; i < count; i++) wav_put16(piece + i * WAV_SAMPLE_BYTES, (uint16_t)pcm[i]);
  off_t offset = HEADER_BYTES + (off_t)(writer->samples * WAV_SAMPLE_BYTES);
  size_t bytes = count * WAV_SAMPLE_BYTES;
  size_t done = write_at(writer->file, offset, piece, bytes);
  int error = errno;
  writer->samples += done / WAV_SAMPLE_BYTES;
  return done == bytes ? TM_OK : fail(writer, status_of(error), error);
}

tm_status tm_wav_write(tm_wav_writer *writer, const int16_t *pcm, size_t count) {
  if (writer->failure != TM_OK) return fail(writer, writer->failure, writer->cause);
  while (count > 0) {
    size_t take = count < PIECE_SAMPLES ? count : PIECE_SAMPLES;
    if (take > MAX_SAMPLES - writer->samples) return fail(writer, TM_ERR_DISK_FULL, EFBIG);
    tm_status status = write_piece(writer, pcm, take);
    if (status != TM_OK) return status;
    pcm += take;
    count -= take;
  }
  return writer->samples - writer->header_samples >= writer->rate ? write_header(writer) : TM_OK;
}

uint64_t tm_wav_written(const tm_wav_writer *writer) { return writer->samples; }

tm_status tm_wav_writer_close(tm_wav_writer *writer) {
  if (writer == NULL) return TM_OK;
  // The header stands already: to correct it needs no new space, so it is tried on a full disk too.
  if (writer->samples != writer->header_samples) write_header(writer);
  if (close(writer->file) != 0) fail(writer, status_of(errno), errno);
  tm_status status = writer->failure;
  int cause = writer->cause;
  free(writer);
  errno = cause;
  return status;
}
