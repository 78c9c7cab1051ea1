// H.264 Annex B files: access units out of one at their times, and into one. These may wait for the disk: not for the packet thread.
#ifndef TM_ANNEXB_H
#define TM_ANNEXB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_nal.h"
#include "tm_status.h"

typedef struct tm_annexb_reader tm_annexb_reader;
typedef struct tm_annexb_writer tm_annexb_writer;

typedef struct tm_annexb_options {
  bool loop;           // begin again at the end
  uint32_t millifps;   // thousandths of frames a second; 0: by the VUI timing of the stream, else 30
  size_t max_frame;    // octets of an access unit; 0: 1 MiB
} tm_annexb_options;

/// One access unit (AUD, SPS, PPS, SEI and all slices of a picture), valid until the next call.
typedef struct tm_annexb_frame {
  const uint8_t *data;
  size_t bytes;
  bool key;            // holds an IDR slice
  bool has_sps, has_pps;
  uint64_t time_us;    // since the first frame, over loops on and on
  uint32_t timestamp;  // the same in 90 kHz ticks, modulo 2^32
} tm_annexb_frame;

/// Opens and reads up to the first access unit, so that the format is known. Errors: ARGUMENT, NOT_FOUND, ACCESS, IO, MEMORY,
/// MALFORMED (no H.264 in it), SPACE (an access unit beyond max_frame).
tm_status tm_annexb_open(const char *path, const tm_annexb_options *options, tm_annexb_reader **out);
/// END after the last one without loop; IO, MALFORMED, SPACE. Nothing is allocated.
tm_status tm_annexb_next(tm_annexb_reader *reader, tm_annexb_frame *frame);
/// From the first access unit again (it is a key frame in most files); time goes on.
tm_status tm_annexb_rewind(tm_annexb_reader *reader);
/// The first SPS of the file, NULL when it has none. Thousandths of frames a second in use.
const tm_h264_sps *tm_annexb_sps(const tm_annexb_reader *reader);
uint32_t tm_annexb_millifps(const tm_annexb_reader *reader);
void tm_annexb_close(tm_annexb_reader *reader); // NULL is fine

/// Creates or empties the file. ARGUMENT, NOT_FOUND (folder), ACCESS, IO, MEMORY.
tm_status tm_annexb_create(const char *path, tm_annexb_writer **out);
/// Appends Annex B octets. IO or DISK_FULL; after an error every further write gives the same.
tm_status tm_annexb_write(tm_annexb_writer *writer, const uint8_t *data, size_t bytes);
uint64_t tm_annexb_written(const tm_annexb_writer *writer);
/// Flushes and closes; the writer is gone also on error. NULL is fine.
tm_status tm_annexb_finish(tm_annexb_writer *writer);

#endif
