// One face for every speech codec: PCM in 20 ms frames on one side, RTP payloads on the other.
//
// Ownership: the creator destroys. Threads: the sending half (encode, pack, set_mode) and the receiving half (unpack,
// decode, conceal) may be used by two threads at once, each half by one; a received mode request crosses atomically.
// Nothing allocates after tm_codec_create.
#ifndef TM_CODEC_H
#define TM_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_frame.h"
#include "tm_status.h"

typedef enum tm_codec_id {
  TM_CODEC_PCMU = 0, // G.711 mu-law, 8 kHz
  TM_CODEC_PCMA,     // G.711 A-law, 8 kHz
  TM_CODEC_AMR_WB,   // 3GPP AMR-WB, 16 kHz
  TM_CODEC_AMR,      // 3GPP AMR, 8 kHz
  TM_CODEC_G722,     // ITU-T G.722 at 64 kbit/s, 16 kHz; RTP clock 8000
  TM_CODEC_OPUS,     // RFC 6716, here mono at 16 kHz; RTP clock 48000
  TM_CODEC_COUNT,
} tm_codec_id;

enum {
  TM_AMR_WB_ALL_MODES = 0x1FF,   // mode set mask: bit n allows mode n (0 = 6.60 ... 8 = 23.85 kbit/s)
  TM_AMR_ALL_MODES = 0xFF,       // 0 = 4.75 ... 7 = 12.2 kbit/s
  TM_OPUS_MIN_BPS = 6000,        // RFC 7587 6.1 maxaveragebitrate
  TM_OPUS_MAX_BPS = 510000,
  TM_CODEC_MAX_PAYLOAD = 1920,   // 240 ms of G.711
};

/// What does not change in the life of a codec, as data.
typedef struct tm_codec_info {
  tm_codec_id id;
  const char *name;          // encoding name of the rtpmap: as in RFC 3551, 4867, 7587
  uint32_t sample_hz;        // of the PCM
  uint32_t clock_hz;         // of RTP timestamps
  uint16_t encode_samples;   // in one tm_codec_encode: 20 ms
  uint16_t decode_samples;   // usual size of a frame that unpack makes: 20 ms, G.711 and G.722 5 ms pieces
  uint16_t encode_ticks;     // the same two in ticks of clock_hz
  uint16_t decode_ticks;
  bool has_dtx;              // encode may give SID and NO_DATA frames
  bool has_concealment;      // the decoder conceals itself; else tm_plc does
  uint8_t static_type;       // RFC 3551 payload type, 0xFF: dynamic
} tm_codec_info;

typedef struct tm_codec_config {
  tm_codec_id id;
  // AMR, AMR-WB.
  bool octet_aligned;          // octet-align=1
  uint16_t mode_set;           // mask of allowed modes, in both directions; 0 means all
  uint8_t initial_mode;        // first mode sent: the nearest lower one of the set; TM_AMR_BY_RULE: as 26.114 7.5.2.1.6 has it
  uint8_t mode_change_period;  // frames between possible changes, 1 or 2; 0 means 2, the 26.114 default
  bool any_mode_change;        // false: only to the neighbour in the set (26.114 default)
  // AMR, AMR-WB, Opus.
  bool dtx;                    // discontinuous transmission when sending
  // Opus (RFC 7587 6.1), of what is sent.
  bool fec;                    // useinbandfec=1 of the peer
  uint32_t max_bps;            // its maxaveragebitrate; 0: none. At most 24 kbit/s are sent in any case.
} tm_codec_config;

typedef struct tm_codec tm_codec;

/// Table row of a codec; NULL when id is out of range. Static storage.
const tm_codec_info *tm_codec_info_of(tm_codec_id id);

/// Errors: ARGUMENT (id, empty mode set), MEMORY, CODEC. *codec is NULL on error.
tm_status tm_codec_create(const tm_codec_config *config, tm_codec **codec);
/// NULL is allowed.
void tm_codec_destroy(tm_codec *codec);
const tm_codec_info *tm_codec_get_info(const tm_codec *codec);
/// Samples of PCM in so many ticks of the codec's RTP clock.
size_t tm_codec_samples(const tm_codec *codec, uint32_t ticks);

/// Codes encode_samples samples into one 20 ms frame. kind NO_DATA: nothing need be sent for this time.
tm_status tm_codec_encode(tm_codec *codec, const int16_t *pcm, tm_frame *frame);
/// AMR, AMR-WB: highest mode we send from now on (also bounded by the peer's CMR and the mode set). Others: UNSUPPORTED.
tm_status tm_codec_set_mode(tm_codec *codec, uint8_t mode);
/// Mode of the last encoded frame; 0 where there are no modes. Sending half.
uint8_t tm_codec_mode(const tm_codec *codec);
/// AMR, AMR-WB: the codec mode request that every payload carries from now on, TM_AMR_CMR_NONE (15, as at first): none.
/// Sending half. Errors: ARGUMENT; UNSUPPORTED without modes.
tm_status tm_codec_ask_mode(tm_codec *codec, uint8_t cmr);
/// The loss in percent that the peer reports. Opus: forward error correction is sent accordingly. AMR, AMR-WB: once for each report,
/// tm_amr_modes_reported. Sending half. Others: UNSUPPORTED.
tm_status tm_codec_expect_loss(tm_codec *codec, unsigned percent);
/// Joins frames that follow one another in time into one RTP payload. Errors: ARGUMENT, SPACE.
tm_status tm_codec_pack(tm_codec *codec, const tm_frame *frames, size_t count, uint8_t *out, size_t capacity,
                        size_t *written);

/// Splits an RTP payload into frames that follow one another in time, from the packet's timestamp on, each
/// frame.ticks long. Takes over the mode request of the peer.
/// Errors: as tm_amr_unpack; others: MALFORMED (empty; no Opus packet), SPACE.
tm_status tm_codec_unpack(tm_codec *codec, const uint8_t *payload, size_t bytes, tm_frame *frames, size_t capacity,
                          size_t *count);
/// Decodes tm_codec_samples(codec, frame->ticks) samples into pcm (room for TM_MAX_FRAME_SAMPLES). Frames LOST and NO_DATA are allowed where
/// has_concealment; else they give UNSUPPORTED.
tm_status tm_codec_decode(tm_codec *codec, const tm_frame *frame, int16_t *pcm);
/// One frame of decode_samples that is missing, from what `next`, the frame after it, repeats of it (Opus in-band FEC),
/// else made up. UNSUPPORTED when the codec never repeats. `next` must be decoded afterwards as usual.
tm_status tm_codec_recover(tm_codec *codec, const tm_frame *next, int16_t *pcm);
/// Makes up one frame of decode_samples. UNSUPPORTED without has_concealment.
tm_status tm_codec_conceal(tm_codec *codec, int16_t *pcm);

#endif
