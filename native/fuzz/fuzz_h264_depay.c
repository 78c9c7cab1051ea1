// RFC 6184 and the key-frame policy: records of packets, in any order. A record: sequence step (signed octet), time step (ms), flags
// (bit 0 marker, 1 new timestamp, 2 other SSRC, 3 CVO, 4 owner asks), length (2 octets), payload.
#include "tm_bytes.h"
#include "tm_fuzz.h"
#include "tm_h264_depay.h"
#include "tm_keyframe.h"

enum { RECORD_BYTES = 5, FRAME_BYTES = 4096, MARKER = 1, NEW_TIME = 2, OTHER_SSRC = 4, CVO = 8, WANTED = 16 };

static uint64_t last_ask_us;
static bool asked;

// Never a storm: key frames are asked for at most once in the spacing.
static void check_ask(tm_keyframe_ask ask, uint64_t now_us) {
  if (ask.request != TM_REQUEST_PLI && ask.request != TM_REQUEST_FIR) return;
  MUST(!asked || now_us - last_ask_us >= TM_KEYFRAME_SPACING_US);
  asked = true;
  last_ask_us = now_us;
}

static void drain(tm_h264_depay *d, tm_keyframe_receiver *r, uint64_t now_us) {
  tm_h264_frame frame;
  for (size_t count = 0; tm_h264_depay_get(d, now_us, &frame) == TM_OK; count++) {
    bool show = false;
    MUST(count <= 2 * TM_H264_DEPAY_WINDOW && frame.bytes <= FRAME_BYTES);
    tm_nal_scanner scanner;
    tm_nal nal;
    tm_nal_scan(&scanner, frame.data, frame.bytes);
    while (tm_nal_next(&scanner, &nal) == TM_OK) continue;
    check_ask(tm_keyframe_frame(r, &frame, now_us, &show), now_us);
    MUST(!show || !frame.damaged);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  tm_h264_depay *d = NULL;
  tm_keyframe_receiver r;
  const uint8_t how = data[0];
  MUST(tm_h264_depay_create(&(tm_h264_depay_config){.max_frame = FRAME_BYTES, .wait_us = 40000, .cvo_id = 3}, &d) == TM_OK);
  tm_keyframe_receiver_init(&r, &(tm_keyframe_settings){.nack = (how & 1) != 0, .pli = (how & 2) != 0, .fir = (how & 4) != 0,
                                                        .fir_always = (how & 8) != 0, .first_number = 250});
  asked = false;
  uint64_t now_us = 1000000;
  uint16_t sequence = 65000;
  uint32_t timestamp = 1;
  for (size_t at = 1; size - at >= RECORD_BYTES;) {
    const uint8_t *record = data + at;
    size_t bytes = tm_get16(record + 3);
    at += RECORD_BYTES;
    if (bytes > size - at) bytes = size - at;
    static const uint8_t EXTENSION[] = {0x30, 0x05, 0, 0};
    sequence = (uint16_t)(sequence + (int8_t)record[0]);
    now_us += 1000u * record[1];
    if ((record[2] & NEW_TIME) != 0) timestamp += 3000;
    tm_rtp_packet packet = {.sequence = sequence, .timestamp = timestamp, .ssrc = (record[2] & OTHER_SSRC) != 0 ? 2 : 1,
                            .marker = (record[2] & MARKER) != 0, .payload = data + at, .payload_bytes = bytes};
    if ((record[2] & CVO) != 0) {
      packet.has_extension = true;
      packet.extension_profile = TM_EXTENSION_ONE_BYTE;
      packet.extension = EXTENSION;
      packet.extension_bytes = sizeof EXTENSION;
    }
    tm_h264_glance glance;
    if (tm_h264_glance_at(packet.payload, bytes, &glance) == TM_OK) check_ask(tm_keyframe_heard(&r, &glance, now_us), now_us);
    tm_h264_depay_put(d, &packet, now_us);
    uint16_t missing[TM_H264_DEPAY_MAX_MISSING];
    size_t count = tm_h264_depay_missing(d, missing, TM_H264_DEPAY_MAX_MISSING);
    MUST(count <= TM_H264_DEPAY_MAX_MISSING);
    tm_keyframe_missing(&r, missing, count, now_us);
    drain(d, &r, now_us);
    if ((record[2] & WANTED) != 0) check_ask(tm_keyframe_wanted(&r, now_us), now_us);
    if (tm_keyframe_due_us(&r) <= now_us) check_ask(tm_keyframe_tick(&r, now_us), now_us);
    uint64_t due = tm_h264_depay_due_us(d);
    MUST(due > now_us); // nothing is left that get could have given
    at += bytes;
  }
  tm_h264_depay_stats stats;
  tm_h264_depay_read_stats(d, &stats);
  MUST(stats.damaged <= stats.frames);
  tm_h264_depay_destroy(d);
  return 0;
}
