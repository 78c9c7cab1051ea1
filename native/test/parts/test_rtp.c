// RFC 3550 5.1: RTP packets, with annotated octets.
#include "tm_rtp.h"
#include "tm_test.h"

// clang-format off
static const uint8_t PLAIN[] = {
  0x80,                   // V=2, no padding, no extension, no CSRC
  0xE0,                   // M=1, PT 96
  0x12, 0x34,             // sequence 0x1234
  0x00, 0x00, 0x01, 0x40, // timestamp 320
  0xDE, 0xAD, 0xBE, 0xEF, // SSRC
  0xF1, 0x02, 0x03,       // payload
};

static const uint8_t EVERYTHING[] = {
  0xB2,                   // V=2, P, X, CC=2
  0x08,                   // M=0, PT 8
  0xFF, 0xFF,             // sequence 65535
  0xFF, 0xFF, 0xFF, 0x60, // timestamp close to the wrap
  0x00, 0x00, 0x00, 0x01, // SSRC
  0x00, 0x00, 0x00, 0x0A, // CSRC 10
  0x00, 0x00, 0x00, 0x0B, // CSRC 11
  0xBE, 0xDE, 0x00, 0x01, // extension profile (RFC 8285), one word
  0x10, 0xAA, 0x00, 0x00, // extension
  0xD5, 0xD5,             // payload
  0x00, 0x00, 0x00, 0x04, // padding: 4 octets with the count
};
// clang-format on

static void plain(void) {
  tm_rtp_packet packet;
  CHECK_INT(tm_rtp_parse(PLAIN, sizeof PLAIN, &packet), TM_OK);
  CHECK(packet.marker);
  CHECK_INT(packet.payload_type, 96);
  CHECK_INT(packet.sequence, 0x1234);
  CHECK_INT(packet.timestamp, 320);
  CHECK_INT(packet.ssrc, 0xDEADBEEF);
  CHECK_INT(packet.payload_bytes, 3);
  CHECK_INT(packet.payload[0], 0xF1);
}

static void everything_and_back(void) {
  tm_rtp_packet packet;
  CHECK_INT(tm_rtp_parse(EVERYTHING, sizeof EVERYTHING, &packet), TM_OK);
  CHECK_INT(packet.csrc_count, 2);
  CHECK_INT(packet.csrc[1], 11);
  CHECK_INT(packet.extension_profile, 0xBEDE);
  CHECK_INT(packet.extension_bytes, 4);
  CHECK_INT(packet.extension[1], 0xAA);
  CHECK_INT(packet.payload_bytes, 2);
  CHECK_INT(packet.padding_bytes, 4);
  uint8_t out[sizeof EVERYTHING];
  size_t written = 0;
  CHECK_INT(tm_rtp_build(&packet, out, sizeof out, &written), TM_OK);
  CHECK_INT(written, sizeof EVERYTHING);
  CHECK_BYTES(out, EVERYTHING, sizeof EVERYTHING);
  for (size_t capacity = 0; capacity < sizeof out; capacity++) {
    CHECK_INT(tm_rtp_build(&packet, out, capacity, &written), TM_ERR_SPACE);
  }
}

static void every_cut_is_an_error(void) {
  tm_rtp_packet packet;
  for (size_t bytes = 0; bytes < 28; bytes++) { // 28: header, CSRC list and extension
    CHECK_INT(tm_rtp_parse(EVERYTHING, bytes, &packet), TM_ERR_TRUNCATED);
  }
}

static void bad_fields(void) {
  uint8_t data[sizeof EVERYTHING];
  tm_rtp_packet packet;
  memcpy(data, EVERYTHING, sizeof data);
  data[0] = 0x72; // V=1
  CHECK_INT(tm_rtp_parse(data, sizeof data, &packet), TM_ERR_VERSION);
  data[0] = 0xB2;
  data[sizeof data - 1] = 0; // padding of no octets
  CHECK_INT(tm_rtp_parse(data, sizeof data, &packet), TM_ERR_MALFORMED);
  data[sizeof data - 1] = 7; // more padding than payload
  CHECK_INT(tm_rtp_parse(data, sizeof data, &packet), TM_ERR_MALFORMED);
  data[sizeof data - 1] = 6; // nothing but padding: an empty payload
  CHECK_INT(tm_rtp_parse(data, sizeof data, &packet), TM_OK);
  CHECK_INT(packet.payload_bytes, 0);
}

static void bad_arguments(void) {
  uint8_t out[64];
  size_t written = 0;
  tm_rtp_packet packet = {.payload_type = 128};
  CHECK_INT(tm_rtp_build(&packet, out, sizeof out, &written), TM_ERR_ARGUMENT);
  packet = (tm_rtp_packet){.csrc_count = 16};
  CHECK_INT(tm_rtp_build(&packet, out, sizeof out, &written), TM_ERR_ARGUMENT);
  packet = (tm_rtp_packet){.has_extension = true, .extension = out, .extension_bytes = 3};
  CHECK_INT(tm_rtp_build(&packet, out, sizeof out, &written), TM_ERR_ARGUMENT);
}

static void keep_alive(void) {
  // NG.110 2.9.1: payload type 20, no payload.
  tm_rtp_packet packet = {.payload_type = 20, .sequence = 7, .ssrc = 1};
  uint8_t out[TM_RTP_HEADER_BYTES];
  size_t written = 0;
  CHECK_INT(tm_rtp_build(&packet, out, sizeof out, &written), TM_OK);
  CHECK_INT(written, TM_RTP_HEADER_BYTES);
  CHECK_INT(out[1], 20);
}

static void any_packet_comes_back(void) {
  tm_random random = {1};
  for (int round = 0; round < 20000; round++) {
    uint8_t payload[64];
    uint8_t extension[32];
    for (size_t i = 0; i < sizeof payload; i++) payload[i] = (uint8_t)tm_random_u32(&random);
    for (size_t i = 0; i < sizeof extension; i++) extension[i] = (uint8_t)tm_random_u32(&random);
    tm_rtp_packet in = {.payload_type = (uint8_t)tm_random_below(&random, 128),
                        .marker = tm_random_below(&random, 2) != 0,
                        .sequence = (uint16_t)tm_random_u32(&random),
                        .timestamp = tm_random_u32(&random),
                        .ssrc = tm_random_u32(&random),
                        .csrc_count = (uint8_t)tm_random_below(&random, 16),
                        .has_extension = tm_random_below(&random, 2) != 0,
                        .extension_profile = (uint16_t)tm_random_u32(&random),
                        .extension = extension,
                        .extension_bytes = 4u * tm_random_below(&random, 9),
                        .payload = payload,
                        .payload_bytes = tm_random_below(&random, sizeof payload + 1),
                        .padding_bytes = (uint8_t)tm_random_below(&random, 20)};
    for (size_t i = 0; i < in.csrc_count; i++) in.csrc[i] = tm_random_u32(&random);
    uint8_t first[512];
    uint8_t second[512];
    size_t first_bytes = 0;
    size_t second_bytes = 0;
    tm_rtp_packet out;
    CHECK_INT(tm_rtp_build(&in, first, sizeof first, &first_bytes), TM_OK);
    CHECK_INT(tm_rtp_parse(first, first_bytes, &out), TM_OK);
    CHECK_INT(out.payload_bytes, in.payload_bytes);
    CHECK_BYTES(out.payload, payload, in.payload_bytes);
    CHECK_INT(tm_rtp_build(&out, second, sizeof second, &second_bytes), TM_OK);
    CHECK_INT(first_bytes, second_bytes);
    CHECK_BYTES(first, second, first_bytes);
  }
}

static void wrapping_differences(void) {
  CHECK_INT(tm_seq_diff(0, 0xFFFF), 1);
  CHECK_INT(tm_seq_diff(0xFFFF, 0), -1);
  CHECK_INT(tm_seq_diff(0x8000, 0), -0x8000);
  CHECK_INT(tm_timestamp_diff(160, 0xFFFFFF60u), 320);
  CHECK_INT(tm_timestamp_diff(0xFFFFFF60u, 160), -320);
  CHECK_INT(tm_timestamp_diff(0x80000000u, 0), INT32_MIN);
}

static void tells_rtcp_from_rtp(void) {
  static const uint8_t sr[] = {0x80, 200};
  static const uint8_t rtp_marker[] = {0x80, 0x80 | 96};
  CHECK(tm_rtp_is_rtcp(sr, sizeof sr));
  CHECK(!tm_rtp_is_rtcp(rtp_marker, sizeof rtp_marker));
  CHECK(!tm_rtp_is_rtcp(sr, 1));
}

int main(void) {
  tm_test_run("a plain packet is read field by field", plain);
  tm_test_run("CSRC, extension and padding are read and written back octet by octet", everything_and_back);
  tm_test_run("a packet cut anywhere in its header is refused", every_cut_is_an_error);
  tm_test_run("wrong version and padding are refused", bad_fields);
  tm_test_run("fields out of range are not built", bad_arguments);
  tm_test_run("an empty packet of payload type 20 is built", keep_alive);
  tm_test_run("20000 random packets come back the same", any_packet_comes_back);
  tm_test_run("sequence and timestamp differences wrap", wrapping_differences);
  tm_test_run("RTCP is told from RTP on one port", tells_rtcp_from_rtp);
  return tm_test_end();
}
