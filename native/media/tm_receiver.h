// The receiving half of an audio stream: RTP payloads in, 20 ms of sound out at the local pace. Joins codec, jitter
// buffer, concealment and time stretching. One thread; nothing allocates after creation; never waits.
#ifndef TM_RECEIVER_H
#define TM_RECEIVER_H

#include <stdint.h>

#include "tm_codec.h"
#include "tm_jitter.h"
#include "tm_rtp.h"

typedef struct tm_receiver tm_receiver;

typedef struct tm_receiver_config {
  tm_codec *codec;     // borrowed; must outlive the receiver; its receiving half belongs to the receiver's thread
  uint16_t min_ms;     // bounds of the jitter buffer's delay, 0: default (10, 60, 400)
  uint16_t initial_ms;
  uint16_t max_ms;
} tm_receiver_config;

typedef struct tm_receiver_stats {
  tm_jitter_stats jitter;
  uint64_t bad_payloads;       // packets whose payload could not be read
  uint64_t samples_played;     // all output
  uint64_t samples_concealed;  // made up for lost and damaged frames
  uint64_t samples_comfort;    // silence of the sender
  uint64_t samples_stretched;  // added by lengthening
  uint64_t samples_removed;    // taken out by shortening
  uint8_t mode;                // AMR, AMR-WB: of the last speech frame; else 0
  uint32_t samples_ready;      // taken out of the jitter buffer, not yet played
} tm_receiver_stats;

/// Errors: ARGUMENT, MEMORY.
tm_status tm_receiver_create(const tm_receiver_config *config, tm_receiver **receiver);
void tm_receiver_destroy(tm_receiver *receiver);

/// A packet of the codec's payload type came. Its payload is copied. OK also when it was late or double (see stats);
/// payload errors as tm_codec_unpack.
tm_status tm_receiver_put(tm_receiver *receiver, const tm_rtp_packet *packet, uint64_t arrival_us);
/// A packet of the same stream that holds no sound (event, keep-alive): its sequence number is not missing.
void tm_receiver_note(tm_receiver *receiver, const tm_rtp_packet *packet, uint64_t arrival_us);
/// 20 ms (tm_codec_info.encode_samples samples) for the playout moment now_us; silence when there is nothing.
/// Call it every 20 ms of the sink's clock.
void tm_receiver_get(tm_receiver *receiver, uint64_t now_us, int16_t *pcm);
void tm_receiver_read_stats(const tm_receiver *receiver, tm_receiver_stats *stats);

#endif
