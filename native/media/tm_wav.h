// WAV files (RIFF, 16-bit PCM): a reader that mixes to mono and can loop, a writer whose file is valid at any moment.
// File I/O may wait for the disk: use them beside the packet thread, joined by a tm_ring. One thread each; nothing
// allocates after opening.
#ifndef TM_WAV_H
#define TM_WAV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_status.h"

typedef struct tm_wav_reader tm_wav_reader;
typedef struct tm_wav_writer tm_wav_writer;

enum { TM_WAV_MAX_CHANNELS = 8, TM_WAV_MIN_HZ = 4000, TM_WAV_MAX_HZ = 384000 };

/// Errors: NOT_FOUND, ACCESS, IO, TRUNCATED, MALFORMED, UNSUPPORTED (not 16-bit PCM, rate or channels out of range),
/// END (no sound in it), MEMORY. A size field of 0 or beyond the end of the file (killed writer, stream) means: up to
/// the end of the file.
tm_status tm_wav_open(const char *path, bool loop, tm_wav_reader **reader);
void tm_wav_reader_close(tm_wav_reader *reader);
uint32_t tm_wav_rate(const tm_wav_reader *reader);
uint16_t tm_wav_channels(const tm_wav_reader *reader);
/// Length in sample frames.
uint64_t tm_wav_length(const tm_wav_reader *reader);
/// Up to `count` mono samples; *read is less only at the end of a file that does not loop: then END once nothing is left. IO.
tm_status tm_wav_read(tm_wav_reader *reader, int16_t *pcm, size_t count, size_t *read);

/// Mono file, replaced when it exists. The header is written at once, brought up to date every second of sound and at close.
/// Errors: NOT_FOUND (no such folder), ACCESS, IO, DISK_FULL, ARGUMENT, MEMORY.
tm_status tm_wav_create(const char *path, uint32_t sample_hz, tm_wav_writer **writer);
/// Errors: DISK_FULL (also at the 4 GiB limit of the format), IO. After an error further writes give the same error;
/// what was written before stays a valid file.
tm_status tm_wav_write(tm_wav_writer *writer, const int16_t *pcm, size_t count);
/// Samples in the file so far.
uint64_t tm_wav_written(const tm_wav_writer *writer);
/// Finishes the header and closes; frees the writer in any case. NULL is allowed. Returns the first error there was.
tm_status tm_wav_writer_close(tm_wav_writer *writer);

#endif
