// One coded frame on its way between codec, payload format and jitter buffer. A plain value, copied freely.
#ifndef TM_FRAME_H
#define TM_FRAME_H

#include <stdbool.h>
#include <stdint.h>

enum {
  TM_FRAME_BYTES = 1276,      // largest coded frame: Opus, RFC 6716 3.4, with its TOC octet
  TM_FRAMES_PER_PACKET = 64,  // 240 ms of G.711 in 5 ms pieces are 48; AMR: 12 (26.114 7.4.2)
  TM_MAX_FRAME_SAMPLES = 960, // 60 ms of Opus at 16 kHz; all other codecs 20 ms
};

typedef enum tm_frame_kind {
  TM_FRAME_SPEECH = 0, // coded sound
  TM_FRAME_SID,        // comfort noise description (AMR FT 8, AMR-WB FT 9)
  TM_FRAME_LOST,       // the sender lost it (FT 14) or marks it as damaged (Q = 0): conceal
  TM_FRAME_NO_DATA,    // nothing for this time (FT 15)
} tm_frame_kind;

typedef struct tm_frame {
  tm_frame_kind kind;
  uint8_t type;      // AMR and AMR-WB: the frame type FT; else 0
  uint16_t ticks;    // how long it lasts, in ticks of the RTP clock: not samples (G.722: 2 a tick, Opus: a third)
  uint16_t bytes;    // used octets of data
  uint8_t data[TM_FRAME_BYTES];
} tm_frame;

#endif
