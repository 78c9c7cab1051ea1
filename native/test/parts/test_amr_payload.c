// RFC 4867 4.3, 4.4: AMR payloads. The examples of 4.3.5 and 4.4.5 with made-up speech bits.
#include "tm_amr_payload.h"
#include "tm_test.h"

static bool bit_at(const uint8_t *data, size_t at) { return (data[at / 8] >> (7 - at % 8) & 1) != 0; }

/// A frame of the type with random bits, the unused ones zero.
static tm_frame random_frame(const tm_amr_family *family, uint8_t type, tm_random *random) {
  tm_frame frame = {.type = type, .ticks = family->frame_samples,
                    .bytes = (uint16_t)tm_amr_frame_bytes(family, type)};
  for (size_t i = 0; i < frame.bytes; i++) frame.data[i] = (uint8_t)tm_random_u32(random);
  unsigned unused = frame.bytes * 8u - family->bits[type];
  if (frame.bytes > 0) frame.data[frame.bytes - 1] &= (uint8_t)(0xFFu << unused);
  if (type == TM_AMR_FT_NO_DATA) {
    frame.kind = TM_FRAME_NO_DATA;
  } else if (type == TM_AMR_FT_LOST) {
    frame.kind = TM_FRAME_LOST;
  } else {
    frame.kind = type == family->sid_type ? TM_FRAME_SID : TM_FRAME_SPEECH;
  }
  return frame;
}

// 4.3.5.1: AMR 7.4 (FT 4, 148 bits), CMR 15, bandwidth-efficient: 4 + 6 + 148 bits and 2 of padding.
static void one_frame_bandwidth_efficient(void) {
  uint8_t payload[20];
  memset(payload, 0xFF, sizeof payload);
  payload[0] = 0xF2; // 1111 CMR, 0 F, 010. FT
  payload[1] = 0x40 | 0x3F; // 0 last bit of FT, 1 Q, then speech
  payload[19] = 0xFC; // d(142)..d(147), padding 00
  uint8_t cmr = 0;
  tm_frame frame;
  size_t count = 0;
  CHECK_INT(tm_amr_unpack(&TM_AMR_NB, false, payload, sizeof payload, &cmr, &frame, 1, &count), TM_OK);
  CHECK_INT(cmr, 15);
  CHECK_INT(count, 1);
  CHECK_INT(frame.type, 4);
  CHECK_INT(frame.kind, TM_FRAME_SPEECH);
  CHECK_INT(frame.bytes, 19);
  CHECK_INT(frame.ticks, 160);
  for (size_t bit = 0; bit < 148; bit++) CHECK(bit_at(frame.data, bit));
  for (size_t bit = 148; bit < 152; bit++) CHECK(!bit_at(frame.data, bit));
  uint8_t out[20];
  size_t written = 0;
  CHECK_INT(tm_amr_pack(&TM_AMR_NB, false, cmr, &frame, 1, out, sizeof out, &written), TM_OK);
  CHECK_INT(written, sizeof payload);
  CHECK_BYTES(out, payload, sizeof payload);
}

// 4.3.5.2: AMR-WB 6.60 (FT 0, 132 bits) and 8.85 (FT 1, 177 bits), CMR 8: 4 + 6 + 6 + 132 + 177 bits, 3 of padding.
static void two_frames_bandwidth_efficient(void) {
  uint8_t payload[41] = {0};
  static const char head[] = "1000"    // CMR 8
                             "100001"  // F, FT 0, Q
                             "000011"; // last, FT 1, Q
  for (size_t i = 0; i < sizeof head - 1; i++) {
    if (head[i] == '1') payload[i / 8] |= (uint8_t)(0x80u >> i % 8);
  }
  for (size_t bit = 16 + 132; bit < 16 + 132 + 177; bit++) payload[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
  uint8_t cmr = 0;
  tm_frame frames[2];
  size_t count = 0;
  CHECK_INT(tm_amr_unpack(&TM_AMR_WB, false, payload, sizeof payload, &cmr, frames, 2, &count), TM_OK);
  CHECK_INT(cmr, 8);
  CHECK_INT(count, 2);
  CHECK_INT(frames[0].type, 0);
  CHECK_INT(frames[1].type, 1);
  for (size_t bit = 0; bit < 132; bit++) CHECK(!bit_at(frames[0].data, bit));
  for (size_t bit = 0; bit < 177; bit++) CHECK(bit_at(frames[1].data, bit));
  uint8_t out[41];
  size_t written = 0;
  CHECK_INT(tm_amr_pack(&TM_AMR_WB, false, cmr, frames, 2, out, sizeof out, &written), TM_OK);
  CHECK_INT(written, sizeof payload);
  CHECK_BYTES(out, payload, sizeof payload);
}

// 4.4.5.1: octet-aligned, AMR 7.95 (FT 5, 159 bits) twice, CMR 6.
static void two_frames_octet_aligned(void) {
  uint8_t payload[3 + 20 + 20];
  memset(payload, 0xAA, sizeof payload);
  payload[0] = 0x60; // 0110 CMR 6, reserved 0000
  payload[1] = 0xAC; // 1 F, 0101 FT 5, 1 Q, padding
  payload[2] = 0x2C; // 0 F, 0101 FT 5, 1 Q, padding
  payload[22] = 0xAA & 0xFE;
  payload[42] = 0xAA & 0xFE;
  uint8_t cmr = 0;
  tm_frame frames[2];
  size_t count = 0;
  CHECK_INT(tm_amr_unpack(&TM_AMR_NB, true, payload, sizeof payload, &cmr, frames, 2, &count), TM_OK);
  CHECK_INT(cmr, 6);
  CHECK_INT(count, 2);
  CHECK_INT(frames[1].type, 5);
  CHECK_BYTES(frames[1].data, payload + 23, 20);
  uint8_t out[sizeof payload];
  size_t written = 0;
  CHECK_INT(tm_amr_pack(&TM_AMR_NB, true, cmr, frames, 2, out, sizeof out, &written), TM_OK);
  CHECK_BYTES(out, payload, sizeof payload);
}

static void quality_bit(void) {
  tm_random random = {3};
  for (int aligned = 0; aligned < 2; aligned++) {
    tm_frame frame = random_frame(&TM_AMR_WB, 2, &random);
    frame.kind = TM_FRAME_LOST; // a damaged speech frame keeps its bits and gets Q = 0
    uint8_t out[64];
    size_t written = 0;
    CHECK_INT(tm_amr_pack(&TM_AMR_WB, aligned != 0, 15, &frame, 1, out, sizeof out, &written), TM_OK);
    CHECK(!bit_at(out, aligned != 0 ? 13 : 9));
    uint8_t cmr = 0;
    tm_frame back;
    size_t count = 0;
    CHECK_INT(tm_amr_unpack(&TM_AMR_WB, aligned != 0, out, written, &cmr, &back, 1, &count), TM_OK);
    CHECK_INT(back.kind, TM_FRAME_LOST);
    CHECK_INT(back.type, 2);
  }
}

static void sizes(void) {
  // TS 26.201 and 26.101, octets of the storage format (RFC 4867 5.3) without the header octet.
  static const size_t wide[] = {17, 23, 32, 36, 40, 46, 50, 58, 60, 5, 0, 0, 0, 0, 0, 0};
  static const size_t narrow[] = {12, 13, 15, 17, 19, 20, 26, 31, 5, 0, 0, 0, 0, 0, 0, 0};
  for (uint8_t type = 0; type < 16; type++) {
    CHECK_INT(tm_amr_frame_bytes(&TM_AMR_WB, type), wide[type]);
    CHECK_INT(tm_amr_frame_bytes(&TM_AMR_NB, type), narrow[type]);
  }
  CHECK(tm_amr_type_valid(&TM_AMR_WB, 14));
  CHECK(!tm_amr_type_valid(&TM_AMR_NB, 14));
  for (uint8_t type = 10; type < 14; type++) CHECK(!tm_amr_type_valid(&TM_AMR_WB, type));
}

static void all_types_and_forms(void) {
  tm_random random = {7};
  static const tm_amr_family *const families[] = {&TM_AMR_WB, &TM_AMR_NB};
  for (int round = 0; round < 4000; round++) {
    const tm_amr_family *family = families[round % 2];
    bool aligned = tm_random_below(&random, 2) != 0;
    size_t count = 1 + tm_random_below(&random, TM_AMR_MAX_FRAMES);
    tm_frame frames[TM_AMR_MAX_FRAMES];
    for (size_t i = 0; i < count; i++) {
      uint8_t type = 0;
      do {
        type = (uint8_t)tm_random_below(&random, 16);
      } while (!tm_amr_type_valid(family, type));
      frames[i] = random_frame(family, type, &random);
    }
    uint8_t out[1024];
    size_t written = 0;
    uint8_t request = (uint8_t)tm_random_below(&random, 16);
    CHECK_INT(tm_amr_pack(family, aligned, request, frames, count, out, sizeof out, &written), TM_OK);
    uint8_t cmr = 0;
    tm_frame back[TM_AMR_MAX_FRAMES];
    size_t back_count = 0;
    CHECK_INT(tm_amr_unpack(family, aligned, out, written, &cmr, back, TM_AMR_MAX_FRAMES, &back_count), TM_OK);
    CHECK_INT(cmr, request);
    CHECK_INT(back_count, count);
    for (size_t i = 0; i < count; i++) {
      CHECK_INT(back[i].type, frames[i].type);
      CHECK_INT(back[i].kind, frames[i].kind);
      CHECK_INT(back[i].bytes, frames[i].bytes);
      CHECK_BYTES(back[i].data, frames[i].data, frames[i].bytes);
    }
    // Cut anywhere: an error, never a wrong frame. The padding of the last octet is not missed.
    size_t cut = tm_random_below(&random, (uint32_t)written);
    CHECK_INT(tm_amr_unpack(family, aligned, out, cut, &cmr, back, TM_AMR_MAX_FRAMES, &back_count), TM_ERR_TRUNCATED);
    CHECK_INT(back_count, 0);
    size_t none = 0;
    CHECK_INT(tm_amr_pack(family, aligned, request, frames, count, out, written - 1, &none), TM_ERR_SPACE);
  }
}

static void bad_payloads(void) {
  uint8_t cmr = 0;
  size_t count = 0;
  tm_frame frames[4];
  static const uint8_t reserved[] = {0xF0, 0x54, 0x00}; // octet-aligned, FT 10
  CHECK_INT(tm_amr_unpack(&TM_AMR_WB, true, reserved, sizeof reserved, &cmr, frames, 4, &count), TM_ERR_UNSUPPORTED);
  uint8_t endless[64];
  memset(endless, 0xFC, sizeof endless); // F = 1, FT 15: always one more
  CHECK_INT(tm_amr_unpack(&TM_AMR_WB, true, endless, sizeof endless, &cmr, frames, 4, &count), TM_ERR_SPACE);
  CHECK_INT(tm_amr_unpack(&TM_AMR_WB, true, endless, 3, &cmr, frames, 4, &count), TM_ERR_TRUNCATED);
  CHECK_INT(tm_amr_unpack(&TM_AMR_WB, false, endless, 0, &cmr, frames, 4, &count), TM_ERR_TRUNCATED);
  uint8_t longer[64] = {0xF0, 0x4C}; // SID frame with octets to spare: accepted
  CHECK_INT(tm_amr_unpack(&TM_AMR_WB, true, longer, sizeof longer, &cmr, frames, 4, &count), TM_OK);
  CHECK_INT(frames[0].kind, TM_FRAME_SID);
}

static void bad_frames(void) {
  tm_frame frame = {.kind = TM_FRAME_SPEECH, .type = 2, .bytes = 31};
  uint8_t out[64];
  size_t written = 0;
  CHECK_INT(tm_amr_pack(&TM_AMR_WB, true, 15, &frame, 1, out, sizeof out, &written), TM_ERR_ARGUMENT);
  frame.bytes = 32;
  CHECK_INT(tm_amr_pack(&TM_AMR_WB, true, 16, &frame, 1, out, sizeof out, &written), TM_ERR_ARGUMENT);
  CHECK_INT(tm_amr_pack(&TM_AMR_WB, true, 15, &frame, 0, out, sizeof out, &written), TM_ERR_ARGUMENT);
  CHECK_INT(tm_amr_pack(&TM_AMR_WB, true, 15, &frame, 13, out, sizeof out, &written), TM_ERR_ARGUMENT);
  frame.type = 12;
  CHECK_INT(tm_amr_pack(&TM_AMR_WB, true, 15, &frame, 1, out, sizeof out, &written), TM_ERR_ARGUMENT);
}

int main(void) {
  tm_test_run("RFC 4867 4.3.5.1: one frame, bandwidth-efficient", one_frame_bandwidth_efficient);
  tm_test_run("RFC 4867 4.3.5.2: two frames, bandwidth-efficient", two_frames_bandwidth_efficient);
  tm_test_run("RFC 4867 4.4.5: two frames, octet-aligned", two_frames_octet_aligned);
  tm_test_run("a damaged frame has Q = 0 and is to be concealed", quality_bit);
  tm_test_run("frame sizes are those of TS 26.201 and TS 26.101", sizes);
  tm_test_run("4000 random payloads of all types come back; every cut is an error", all_types_and_forms);
  tm_test_run("reserved types, endless and short tables are refused", bad_payloads);
  tm_test_run("frames that do not fit their type are not packed", bad_frames);
  return tm_test_end();
}
