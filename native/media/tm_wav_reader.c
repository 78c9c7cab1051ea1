// WAV reader: 16-bit PCM of any rate, mixed to mono.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tm_wav.h"
#include "tm_wav_format.h"

enum { BUFFER_BYTES = 16384, MAX_CHUNKS = 64 };

struct tm_wav_reader {
  int file;
  bool loop;
  uint32_t rate;
  uint16_t channels;
  size_t frame_bytes;  // one sample of each channel
  off_t data_start;
  uint64_t length;     // sample frames
  uint64_t position;   // of the next frame to give out
  size_t have;         // octets in buffer
  size_t used;
  uint8_t buffer[BUFFER_BYTES];
};

/// Reads exactly `bytes` at `offset`; TRUNCATED at the end of the file.
static tm_status read_at(int file, off_t offset, uint8_t *out, size_t bytes) {
  while (bytes > 0) {
    ssize_t got = pread(file, out, bytes, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return TM_ERR_IO;
    if (got == 0) return TM_ERR_TRUNCATED;
    out += got;
    offset += got;
    bytes -= (size_t)got;
  }
  return TM_OK;
}

static tm_status read_format(tm_wav_reader *reader, off_t at, uint32_t size) {
  uint8_t fields[WAV_FMT_EXTENSIBLE_BYTES] = {0};
  if (size < WAV_FMT_BYTES) return TM_ERR_MALFORMED;
  size_t bytes = size < sizeof fields ? size : sizeof fields;
  tm_status status = read_at(reader->file, at, fields, bytes);
  if (status != TM_OK) return status;
  uint16_t tag = wav_get16(fields);
  if (tag == WAV_TAG_EXTENSIBLE) {
    if (size < WAV_FMT_EXTENSIBLE_BYTES) return TM_ERR_MALFORMED;
    tag = wav_get16(fields + WAV_SUBFORMAT_OFFSET);
  }
  reader->channels = wav_get16(fields + 2);
  reader->rate = wav_get32(fields + 4);
  reader->frame_bytes = (size_t)reader->channels * WAV_SAMPLE_BYTES;
  if (tag != WAV_TAG_PCM || wav_get16(fields + 14) != WAV_SAMPLE_BITS) return TM_ERR_UNSUPPORTED;
  if (reader->channels == 0 || reader->channels > TM_WAV_MAX_CHANNELS) return TM_ERR_UNSUPPORTED;
  if (reader->rate < TM_WAV_MIN_HZ || reader->rate > TM_WAV_MAX_HZ) return TM_ERR_UNSUPPORTED;
  // The block size follows from the rest; one that contradicts it makes the file a lie.
  return wav_get16(fields + 12) == reader->frame_bytes ? TM_OK : TM_ERR_MALFORMED;
}

/// Finds fmt and data.
static tm_status read_chunks(tm_wav_reader *reader, off_t file_bytes) {
  uint8_t header[WAV_RIFF_HEADER_BYTES];
  tm_status status = read_at(reader->file, 0, header, sizeof header);
  if (status != TM_OK) return status;
  if (memcmp(header, "RIFF", 4) != 0 || memcmp(header + 8, "WAVE", 4) != 0) return TM_ERR_MALFORMED;
  off_t at = WAV_RIFF_HEADER_BYTES;
  bool has_format = false;
  for (int chunk = 0; chunk < MAX_CHUNKS; chunk++) {
    status = read_at(reader->file, at, header, WAV_CHUNK_HEADER_BYTES);
    if (status != TM_OK) return status;
    at += WAV_CHUNK_HEADER_BYTES;
    uint32_t size = wav_get32(header + 4);
    if (memcmp(header, "data", 4) == 0) {
      if (!has_format) return TM_ERR_MALFORMED;
      uint64_t left = (uint64_t)(file_bytes - at);
      uint64_t bytes = size == 0 || size > left ? left : size;
      reader->data_start = at;
      reader->length = bytes / reader->frame_bytes;
      return reader->length == 0 ? TM_ERR_END : TM_OK;
    }
    if (memcmp(header, "fmt ", 4) == 0) {
      status = read_format(reader, at, size);
      if (status != TM_OK) return status;
      has_format = true;
    }
    at += (off_t)size + (off_t)(size & 1); // chunks start at even places
    if (at > file_bytes) return TM_ERR_TRUNCATED;
  }
  return TM_ERR_MALFORMED;
}

static tm_status status_of_open(int error) {
  if (error == ENOENT || error == ENOTDIR) return TM_ERR_NOT_FOUND;
  if (error == EACCES || error == EPERM || error == EISDIR) return TM_ERR_ACCESS;
  return TM_ERR_IO;
}

static tm_status open_file(tm_wav_reader *reader, const char *path) {
  // O_NONBLOCK: a FIFO without a writer must not hang us; it is refused below.
  reader->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (reader->file < 0) return status_of_open(errno);
  struct stat about;
  if (fstat(reader->file, &about) != 0) return TM_ERR_IO;
  if (!S_ISREG(about.st_mode)) return TM_ERR_ACCESS;
  return read_chunks(reader, about.st_size);
}

tm_status tm_wav_open(const char *path, bool loop, tm_wav_reader **reader) {
  *reader = NULL;
  tm_wav_reader *self = calloc(1, sizeof *self);
  if (self == NULL) return TM_ERR_MEMORY;
  self->loop = loop;
  tm_status status = open_file(self, path);
  if (status != TM_OK) {
    int cause = errno;
    tm_wav_reader_close(self);
    errno = cause;
    return status;
  }
  *reader = self;
  return TM_OK;
}

void tm_wav_reader_close(tm_wav_reader *reader) {
  if (reader == NULL) return;
  if (reader->file >= 0) close(reader->file);
  free(reader);
}

uint32_t tm_wav_rate(const tm_wav_reader *reader) { return reader->rate; }
uint16_t tm_wav_channels(const tm_wav_reader *reader) { return reader->channels; }
uint64_t tm_wav_length(const tm_wav_reader *reader) { return reader->length; }

/// Fills the empty buffer with whole frames from the position on. END at the end of the sound.
static tm_status refill(tm_wav_reader *reader) {
  if (reader->position == reader->length) {
    if (!reader->loop || reader->length == 0) return TM_ERR_END;
    reader->position = 0;
  }
  uint64_t left = reader->length - reader->position;
  size_t frames = BUFFER_BYTES / reader->frame_bytes;
  if (frames > left) frames = (size_t)left;
  off_t offset = reader->data_start + (off_t)(reader->position * reader->frame_bytes);
  size_t wanted = frames * reader->frame_bytes;
  size_t have = 0;
  while (have < wanted) {
    ssize_t got = pread(reader->file, reader->buffer + have, wanted - have, offset + (off_t)have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return TM_ERR_IO;
    if (got == 0) break;
    have += (size_t)got;
  }
  have -= have % reader->frame_bytes;
  if (have < wanted) {
    // The file was cut since it was opened: what is left is all there is.
    reader->length = reader->position + have / reader->frame_bytes;
    if (have == 0) {
      if (reader->length == 0) return TM_ERR_END;
      return reader->loop ? refill(reader) : TM_ERR_END;
    }
  }
  reader->have = have;
  reader->used = 0;
  return TM_OK;
}

/// The mean of the channels.
static int16_t take_frame(tm_wav_reader *reader) {
  int32_t sum = 0;
  for (uint16_t channel = 0; channel < reader->channels; channel++) {
    sum += (int16_t)wav_get16(reader->buffer + reader->used);
    reader->used += WAV_SAMPLE_BYTES;
  }
  reader->position++;
  return (int16_t)(sum / reader->channels);
}

tm_status tm_wav_read(tm_wav_reader *reader, int16_t *pcm, size_t count, size_t *read) {
  *read = 0;
  while (*read < count) {
    if (reader->used == reader->have) {
      tm_status status = refill(reader);
      if (status == TM_ERR_END && *read > 0) return TM_OK;
      if (status != TM_OK) return status;
    }
    while (*read < count && reader->used < reader->have) pcm[(*read)++] = take_frame(reader);
  }
  return TM_OK;
}
