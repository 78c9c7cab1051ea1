// RFC 6184: access units to packets and back, orientation on the way.
#include "tm_h264_depay.h"
#include "tm_h264_payload.h"
#include "tm_video_fixture.h"

static tm_fixture stream;
static uint8_t sent[65536], came[131072];
static size_t came_bytes;
static tm_h264_payload p;

typedef struct seen {
  size_t packets, singles, aggregates, fragments, largest, extensions, frames;
} seen;

// The whole file through both sides. False when anything went wrong.
static bool through(const char *file, const tm_h264_payload_config *config, seen *s) {
  tm_h264_depay *d = NULL;
  tm_annexb_reader *reader = NULL;
  tm_annexb_frame unit;
  uint16_t sequence = 65530; // over the wrap
  bool good = true;
  memset(s, 0, sizeof *s);
  came_bytes = 0;
  if (tm_h264_payload_init(&p, config) != TM_OK) return false;
  if (tm_annexb_open(tm_fixture_path(file), &(tm_annexb_options){0}, &reader) != TM_OK) return false;
  if (tm_h264_depay_create(&(tm_h264_depay_config){.cvo_id = config->cvo_id}, &d) != TM_OK) return false;
  while (good && tm_annexb_next(reader, &unit) == TM_OK) {
    tm_rtp_packet packet;
    tm_h264_frame frame;
    size_t frames = 0;
    good &= tm_h264_payload_begin(&p, unit.data, unit.bytes, &(tm_orientation){.rotation = 90}, NULL) == TM_OK;
    while (good && tm_h264_payload_next(&p, &packet) == TM_OK) {
      packet.sequence = sequence++;
      packet.timestamp = unit.timestamp;
      packet.ssrc = 7;
      s->packets++;
      s->singles += (packet.payload[0] & 0x1F) < 24;
      s->aggregates += (packet.payload[0] & 0x1F) == TM_NAL_STAP_A;
      s->fragments += (packet.payload[0] & 0x1F) == TM_NAL_FU_A;
      s->extensions += packet.has_extension;
      if (packet.payload_bytes > s->largest) s->largest = packet.payload_bytes;
      good &= tm_h264_depay_put(d, &packet, unit.time_us) == TM_OK;
      while (tm_h264_depay_get(d, unit.time_us, &frame) == TM_OK) {
        frames++;
        good &= packet.marker && frame.timestamp == unit.timestamp && frame.key == unit.key && !frame.damaged && !frame.loss_before;
        good &= frame.has_sps == unit.has_sps && frame.has_pps == unit.has_pps && frame.sets_known;
        good &= config->cvo_id == 0 || frame.orientation_octet == 1;
        memcpy(came + came_bytes, frame.data, frame.bytes);
        came_bytes += frame.bytes;
      }
    }
    good &= frames == 1;
    s->frames += frames;
  }
  tm_annexb_close(reader);
  tm_h264_depay_destroy(d);
  if (!tm_fixture_load(&stream, file)) return false;
  size_t bytes = tm_fixture_plain(stream.data, stream.bytes, sent);
  return good && bytes == came_bytes && memcmp(sent, came, bytes) == 0;
}

static void mode_1(void) {
  static const char *const FILES[] = {"baseline.h264", "aud-slices.h264", "high.h264", "high422-interlaced.h264", "high444.h264"};
  static const size_t LIMITS[] = {64, 200, 1200, 8192};
  for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
    for (size_t j = 0; j < sizeof LIMITS / sizeof *LIMITS; j++) {
      seen s;
      CHECK(through(FILES[i], &(tm_h264_payload_config){.mode = 1, .max_payload = LIMITS[j]}, &s));
      CHECK(s.largest <= LIMITS[j]);
      if (LIMITS[j] == 64) CHECK(s.fragments > 0);
      if (LIMITS[j] == 8192) CHECK(s.fragments == 0 && s.aggregates > 0);
    }
}

static void mode_0(void) {
  seen s;
  CHECK(through("aud-slices.h264", &(tm_h264_payload_config){.mode = 0, .max_payload = 2000}, &s));
  CHECK_INT(s.packets, s.singles);
  CHECK(!through("aud-slices.h264", &(tm_h264_payload_config){.mode = 0, .max_payload = 400}, &s));
  CHECK_INT(tm_h264_payload_init(&p, &(tm_h264_payload_config){.mode = 2}), TM_ERR_ARGUMENT);
}

static void mode_0_tells_what_is_too_large(void) {
  static uint8_t unit[2004] = {0, 0, 0, 1, 0x65};
  size_t largest = 0;
  tm_rtp_packet packet;
  memset(unit + 5, 0x77, sizeof unit - 5);
  CHECK_INT(tm_h264_payload_init(&p, &(tm_h264_payload_config){.mode = 0}), TM_OK);
  CHECK_INT(tm_h264_payload_begin(&p, unit, sizeof unit, NULL, &largest), TM_ERR_SPACE);
  CHECK_INT(largest, 2000);
  CHECK_INT(tm_h264_payload_next(&p, &packet), TM_ERR_END);
  CHECK_INT(tm_h264_payload_begin(&p, unit, 1204, NULL, &largest), TM_OK);
  CHECK_INT(tm_h264_payload_next(&p, &packet), TM_OK);
  CHECK_INT(packet.payload_bytes, 1200);
  CHECK(packet.marker);
}

// RFC 6184 5.8: indicator and header of each fragment, the sizes even.
static void fragments(void) {
  static uint8_t unit[4 + 2401] = {0, 0, 0, 1, 0x65};
  tm_rtp_packet packet;
  memset(unit + 5, 0x77, sizeof unit - 5);
  CHECK_INT(tm_h264_payload_init(&p, &(tm_h264_payload_config){.mode = 1}), TM_OK);
  CHECK_INT(tm_h264_payload_begin(&p, unit, sizeof unit, NULL, NULL), TM_OK);
  CHECK(tm_h264_payload_is_key(&p));
  static const uint8_t HEADERS[] = {0x85, 0x05, 0x45}; // S, neither, E; type 5
  for (size_t i = 0; i < 3; i++) {
    CHECK_INT(tm_h264_payload_next(&p, &packet), TM_OK);
    CHECK_INT(packet.payload[0], 0x7C); // NRI 3, type 28
    CHECK_INT(packet.payload[1], HEADERS[i]);
    CHECK_INT(packet.payload_bytes, 802);
    CHECK_INT(packet.marker, i == 2);
  }
  CHECK_INT(tm_h264_payload_next(&p, &packet), TM_ERR_END);
}

static void refused(void) {
  size_t largest = 0;
  CHECK_INT(tm_h264_payload_init(&p, &(tm_h264_payload_config){.mode = 1, .cvo_id = 3}), TM_OK);
  CHECK_INT(tm_h264_payload_begin(&p, (const uint8_t *)"abc", 3, NULL, &largest), TM_ERR_MALFORMED);
  CHECK_INT(tm_h264_payload_begin(&p, (const uint8_t[]){0, 0, 1, 0x7C, 1}, 5, NULL, &largest), TM_ERR_MALFORMED);
  CHECK_INT(tm_h264_payload_begin(&p, (const uint8_t[]){0, 0, 1, 0x65, 1}, 5, &(tm_orientation){.rotation = 45}, &largest), TM_ERR_ARGUMENT);
  CHECK_INT(tm_h264_payload_init(&p, &(tm_h264_payload_config){.mode = 1, .cvo_id = 15}), TM_ERR_ARGUMENT);
  CHECK_INT(tm_h264_payload_init(&p, &(tm_h264_payload_config){.mode = 1, .max_payload = 9000}), TM_ERR_ARGUMENT);
}

static bool extension_after(const uint8_t *unit, size_t bytes, uint16_t rotation, uint8_t *octet) {
  tm_rtp_packet packet = {0};
  size_t with = 0;
  bool last = false;
  tm_h264_payload_begin(&p, unit, bytes, &(tm_orientation){.rotation = rotation, .back_camera = true}, NULL);
  while (tm_h264_payload_next(&p, &packet) == TM_OK) {
    with += packet.has_extension;
    last = packet.has_extension && packet.marker;
    if (packet.has_extension && tm_cvo_find(&packet, 4, octet) != TM_OK) return false;
  }
  return with == 1 && last;
}

// TS 26.114 7.4.5: on the last packet of each key frame, and where the value changed.
static void orientation(void) {
  static uint8_t key[3000] = {0, 0, 1, 0x65, 0x88};
  static uint8_t inter[3000] = {0, 0, 1, 0x41, 0x9A};
  uint8_t octet = 0;
  memset(key + 5, 0x55, sizeof key - 5);
  memset(inter + 5, 0x55, sizeof inter - 5);
  CHECK_INT(tm_h264_payload_init(&p, &(tm_h264_payload_config){.mode = 1, .cvo_id = 4}), TM_OK);
  CHECK(extension_after(key, sizeof key, 0, &octet));
  CHECK_INT(octet, 0x08);
  CHECK(!extension_after(inter, sizeof inter, 0, &octet));
  CHECK(extension_after(inter, sizeof inter, 270, &octet));
  CHECK_INT(octet, 0x0B);
  CHECK(!extension_after(inter, sizeof inter, 270, &octet));
  CHECK(extension_after(key, sizeof key, 270, &octet));
}

static void cvo_octets(void) {
  for (unsigned i = 0; i < 16; i++) {
    tm_orientation orientation;
    uint8_t octet = 0xFF;
    tm_cvo_unpack((uint8_t)i, &orientation);
    CHECK_INT(tm_cvo_pack(&orientation, &octet), TM_OK);
    CHECK_INT(octet, i);
  }
  // clang-format off
  static const uint8_t ONE[] = {0x10, 0xAA, 0x00, 0x41, 0x02, 0x99, 0x00, 0x00};  // id 1, padding, id 4 of two octets (6-bit form first)
  static const uint8_t TWO[] = {0x01, 0x00, 0x04, 0x01, 0x03, 0x00, 0x00, 0x00};  // id 1 empty, id 4
  static const uint8_t CUT[] = {0x4F, 0x01, 0x02, 0x03};                          // 16 octets announced
  static const uint8_t STOP[] = {0xF0, 0x00, 0x40, 0x01};                         // id 15 ends it
  // clang-format on
  uint8_t octet = 0;
  tm_rtp_packet packet = {.has_extension = true, .extension_profile = TM_EXTENSION_ONE_BYTE, .extension = ONE, .extension_bytes = 8};
  CHECK_INT(tm_cvo_find(&packet, 4, &octet), TM_OK);
  CHECK_INT(octet, 2);
  CHECK_INT(tm_cvo_find(&packet, 5, &octet), TM_ERR_NOT_FOUND);
  packet.extension = CUT;
  packet.extension_bytes = 4;
  CHECK_INT(tm_cvo_find(&packet, 4, &octet), TM_ERR_MALFORMED);
  packet.extension = STOP;
  CHECK_INT(tm_cvo_find(&packet, 4, &octet), TM_ERR_NOT_FOUND);
  packet.extension = TWO;
  packet.extension_bytes = 8;
  packet.extension_profile = 0x1005;
  CHECK_INT(tm_cvo_find(&packet, 4, &octet), TM_OK);
  CHECK_INT(octet, 3);
  packet.extension_profile = 0x2000;
  CHECK_INT(tm_cvo_find(&packet, 4, &octet), TM_ERR_NOT_FOUND);
}

static void orientation_travels(void) {
  seen s;
  CHECK(through("baseline.h264", &(tm_h264_payload_config){.mode = 1, .max_payload = 300, .cvo_id = 9}, &s));
  CHECK_INT(s.extensions, 2); // two key frames
}

int main(void) {
  tm_test_run("mode 1: every stream comes back octet for octet, at every packet size", mode_1);
  tm_test_run("mode 0: single NAL units only", mode_0);
  tm_test_run("mode 0: a NAL unit too large is told before anything goes out", mode_0_tells_what_is_too_large);
  tm_test_run("FU-A: headers and even sizes", fragments);
  tm_test_run("what can't be sent is refused", refused);
  tm_test_run("orientation goes on the last packet of key frames and of changes", orientation);
  tm_test_run("orientation octets, one- and two-byte extensions", cvo_octets);
  tm_test_run("orientation arrives", orientation_travels);
  return tm_test_end();
}
