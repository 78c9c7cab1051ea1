// A codec at the command line, so that strangers (ffmpeg, tshark) can judge what it makes and make what it reads.
//
//   voice encode NAME [KEY=NUMBER...] <pcm >packets      PCM: 16 bit, host order, the codec's sample rate
//   voice decode NAME [KEY=NUMBER...] <packets >pcm
//
// A packet: RTP timestamp (4 octets, big endian), marker (1), payload length (2), payload. Encoding leaves out packets
// of silence (DTX), as a stream does; decoding fills such holes with the decoder's comfort noise.
#include "tm_amr_payload.h"
#include "tm_bytes.h"
#include "tm_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 7, MAX_PACKED = 12, FAILED = 1, USAGE = 2 };

typedef struct settings {
  tm_codec_config codec;
  unsigned frames; // in a packet
  unsigned ask;
} settings;

static bool apply(settings *set, const char *key, unsigned long value) {
  if (strcmp(key, "aligned") == 0) set->codec.octet_aligned = value != 0;
  else if (strcmp(key, "mode") == 0) set->codec.initial_mode = (uint8_t)value;
  else if (strcmp(key, "modes") == 0) set->codec.mode_set = (uint16_t)value;
  else if (strcmp(key, "dtx") == 0) set->codec.dtx = value != 0;
  else if (strcmp(key, "fec") == 0) set->codec.fec = value != 0;
  else if (strcmp(key, "frames") == 0) set->frames = (unsigned)value;
  else if (strcmp(key, "ask") == 0) set->ask = (unsigned)value;
  else return false;
  return true;
}

static bool read_settings(int count, char **words, settings *set) {
  *set = (settings){.codec = {.id = TM_CODEC_COUNT}, .frames = 1, .ask = TM_AMR_CMR_NONE};
  for (int id = 0; id < TM_CODEC_COUNT; id++) {
    if (strcmp(tm_codec_info_of((tm_codec_id)id)->name, words[0]) == 0) set->codec.id = (tm_codec_id)id;
  }
  if (set->codec.id == TM_CODEC_COUNT) return false;
  for (int i = 1; i < count; i++) {
    char *equals = strchr(words[i], '=');
    if (equals == NULL) return false;
    *equals = '\0';
    if (!apply(set, words[i], strtoul(equals + 1, NULL, 0))) return false;
  }
  return set->frames >= 1 && set->frames <= MAX_PACKED;
}

/// True unless the packet is all silence or cannot be written.
static bool write_packet(tm_codec *codec, const tm_frame *frames, unsigned count, uint32_t timestamp, bool marker) {
  uint8_t header[HEADER] = {0};
  uint8_t payload[TM_CODEC_MAX_PAYLOAD];
  size_t bytes = 0;
  if (tm_codec_pack(codec, frames, count, payload, sizeof payload, &bytes) != TM_OK) exit(FAILED);
  tm_put32(header, timestamp);
  header[4] = marker ? 1 : 0;
  tm_put16(header + 5, (uint16_t)bytes);
  return fwrite(header, 1, HEADER, stdout) == HEADER && fwrite(payload, 1, bytes, stdout) == bytes;
}

static int encode(tm_codec *codec, const settings *set) {
  const tm_codec_info *info = tm_codec_get_info(codec);
  tm_frame frames[MAX_PACKED];
  int16_t pcm[TM_MAX_FRAME_SAMPLES];
  uint32_t timestamp = 0;
  bool spoke = false;
  for (;;) {
    bool sound = false;
    for (unsigned i = 0; i < set->frames; i++) {
      if (fread(pcm, sizeof *pcm, info->encode_samples, stdin) != info->encode_samples) return 0;
      if (tm_codec_encode(codec, pcm, &frames[i]) != TM_OK) return FAILED;
      sound = sound || frames[i].kind != TM_FRAME_NO_DATA;
    }
    bool speaks = frames[0].kind == TM_FRAME_SPEECH;
    if (sound && !write_packet(codec, frames, set->frames, timestamp, speaks && !spoke)) return FAILED;
    spoke = speaks;
    timestamp += set->frames * info->encode_ticks;
  }
}

static bool play(tm_codec *codec, const tm_frame *frame) {
  int16_t pcm[TM_MAX_FRAME_SAMPLES];
  size_t samples = tm_codec_samples(codec, frame->ticks);
  return tm_codec_decode(codec, frame, pcm) == TM_OK && fwrite(pcm, sizeof *pcm, samples, stdout) == samples;
}

static int decode(tm_codec *codec) {
  const tm_codec_info *info = tm_codec_get_info(codec);
  const tm_frame none = {.kind = TM_FRAME_NO_DATA, .type = TM_AMR_FT_NO_DATA, .ticks = info->decode_ticks};
  static tm_frame frames[TM_FRAMES_PER_PACKET];
  uint8_t header[HEADER];
  uint8_t payload[UINT16_MAX];
  uint32_t expected = 0;
  bool any = false;
  while (fread(header, 1, HEADER, stdin) == HEADER) {
    size_t bytes = tm_get16(header + 5);
    size_t count = 0;
    if (fread(payload, 1, bytes, stdin) != bytes) return FAILED;
    if (tm_codec_unpack(codec, payload, bytes, frames, TM_FRAMES_PER_PACKET, &count) != TM_OK) return FAILED;
    uint32_t timestamp = tm_get32(header);
    for (; any && info->has_dtx && expected < timestamp; expected += none.ticks) {
      if (!play(codec, &none)) return FAILED;
    }
    for (size_t i = 0; i < count; i++) {
      if (!play(codec, &frames[i])) return FAILED;
      timestamp += frames[i].ticks;
    }
    expected = timestamp;
    any = true;
  }
  return 0;
}

int main(int count, char **words) {
  settings set;
  tm_codec *codec = NULL;
  if (count < 3 || !read_settings(count - 2, words + 2, &set)) return USAGE;
  if (tm_codec_create(&set.codec, &codec) != TM_OK) return FAILED;
  (void)tm_codec_ask_mode(codec, (uint8_t)set.ask);
  int status = strcmp(words[1], "encode") == 0 ? encode(codec, &set) : decode(codec);
  tm_codec_destroy(codec);
  return fflush(stdout) == 0 ? status : FAILED;
}
