// A whole receiving stream: the first octet chooses the codec; then records of time passed and a datagram.
#include "tm_fuzz.h"
#include "tm_receiver.h"

// A record: 1 octet of milliseconds passed, 1 of length, then a datagram as it comes from the network.
enum { RECORD_HEADER = 2, TICK_US = 20000, MAX_TICKS_A_RECORD = 4 };

static tm_codec *codecs[2 * TM_CODEC_COUNT];

/// Codecs are costly to make; their state is part of no check.
static tm_codec *codec_of(uint8_t choice) {
  size_t index = choice % (2 * TM_CODEC_COUNT);
  tm_codec_config config = {.id = (tm_codec_id)(index % TM_CODEC_COUNT), .octet_aligned = index >= TM_CODEC_COUNT};
  if (codecs[index] == NULL) MUST(tm_codec_create(&config, &codecs[index]) == TM_OK);
  return codecs[index];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  tm_receiver_config config = {.codec = codec_of(data[0])};
  tm_receiver *receiver = NULL;
  MUST(tm_receiver_create(&config, &receiver) == TM_OK);
  data++;
  size--;
  uint64_t now = 0;
  uint64_t playout = 0;
  while (size >= RECORD_HEADER) {
    now += data[0] * 1000u;
    size_t bytes = data[1];
    data += RECORD_HEADER;
    size -= RECORD_HEADER;
    if (bytes > size) bytes = size;
    tm_rtp_packet packet;
    if (tm_rtp_parse(data, bytes, &packet) == TM_OK) {
      if (packet.payload_bytes == 0) {
        tm_receiver_note(receiver, &packet, now);
      } else {
        tm_receiver_put(receiver, &packet, now);
      }
    }
    data += bytes;
    size -= bytes;
    if (now > playout + MAX_TICKS_A_RECORD * TICK_US) playout = now - MAX_TICKS_A_RECORD * TICK_US;
    for (; playout <= now; playout += TICK_US) {
      int16_t pcm[TM_MAX_FRAME_SAMPLES];
      tm_receiver_get(receiver, playout, pcm);
    }
  }
  tm_receiver_stats stats;
  tm_receiver_read_stats(receiver, &stats);
  MUST(stats.jitter.target_us <= 400000);
  tm_receiver_destroy(receiver);
  return 0;
}
