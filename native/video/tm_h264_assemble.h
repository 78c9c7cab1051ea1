// RFC 6184 5.6 to 5.8: payloads in their right order into one access unit. Part of tm_h264_depay, which feeds it.
#ifndef TM_H264_ASSEMBLE_H
#define TM_H264_ASSEMBLE_H

#include "tm_h264_depay.h"

typedef struct tm_h264_assembler {
  uint8_t *buffer;
  size_t capacity;
  size_t used;
  bool open;          // has taken a payload of the present access unit
  bool begun;         // a first NAL unit was seen
  bool gap_at_start;  // what came before its first payload is missing, or unknown
  bool overflowed;
  bool fragment_open; // an FU-A is under way; its NAL unit begins at `fragment_at` (start code) in the buffer
  size_t fragment_at;
  uint64_t malformed, overflows;
  tm_h264_inspector inspector;
  tm_h264_frame frame; // what is known of it so far
} tm_h264_assembler;

/// Forgets the present access unit. `gap`: the next one may lack its beginning.
void tm_h264_assemble_begin(tm_h264_assembler *a, bool gap, bool loss);
/// Packets are missing right here.
void tm_h264_assemble_gap(tm_h264_assembler *a);
/// Takes one payload (not empty).
void tm_h264_assemble_feed(tm_h264_assembler *a, const uint8_t *payload, size_t bytes);
/// Closes the access unit; the frame's data stay until the next feed.
void tm_h264_assemble_end(tm_h264_assembler *a, tm_h264_frame *frame);

#endif
