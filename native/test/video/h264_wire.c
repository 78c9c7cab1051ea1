// Our H.264 packets and feedback to and from strangers. Datagrams are records: length (2 octets), octets.
//   h264_wire unpack OUT.h264            records of RTP at stdin; what came of them as a JSON line
//   h264_wire pack IN.h264 MODE LIMIT CVO_ID   records of RTP at stdout, payload type 96
//   h264_wire feedback                   records of RTCP at stdout: PLI, FIR, NACK, TMMBR, TMMBN, and PLI in reduced size
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tm_annexb.h"
#include "tm_bytes.h"
#include "tm_feedback.h"
#include "tm_h264_depay.h"
#include "tm_h264_payload.h"

enum { DATAGRAM = 65536, PAYLOAD_TYPE = 96, SSRC = 0x11223344, PEER = 0x5A5B5C5D };

static uint8_t datagram[DATAGRAM];

static int write_record(const uint8_t *data, size_t bytes) {
  uint8_t head[2];
  tm_put16(head, (uint16_t)bytes);
  return fwrite(head, 1, 2, stdout) == 2 && fwrite(data, 1, bytes, stdout) == bytes ? 0 : 1;
}

static int unpack(const char *path) {
  tm_h264_depay *d = NULL;
  tm_annexb_writer *writer = NULL;
  tm_h264_frame frame;
  unsigned singles = 0, aggregates = 0, fragments = 0, keys = 0, damaged = 0;
  uint8_t head[2];
  if (tm_h264_depay_create(&(tm_h264_depay_config){0}, &d) != TM_OK || tm_annexb_create(path, &writer) != TM_OK) return 1;
  for (uint64_t now_us = 1; fread(head, 1, 2, stdin) == 2; now_us += 1000) {
    size_t bytes = tm_get16(head);
    tm_rtp_packet packet;
    if (fread(datagram, 1, bytes, stdin) != bytes || tm_rtp_parse(datagram, bytes, &packet) != TM_OK) return 1;
    unsigned type = packet.payload_bytes == 0 ? 0 : packet.payload[0] & 31u;
    if (type == TM_NAL_STAP_A) aggregates++;
    else if (type == TM_NAL_FU_A) fragments++;
    else singles++;
    tm_h264_depay_put(d, &packet, now_us);
    while (tm_h264_depay_get(d, now_us, &frame) == TM_OK) {
      keys += frame.key;
      damaged += frame.damaged;
      tm_annexb_write(writer, frame.data, frame.bytes);
    }
  }
  tm_h264_depay_stats stats;
  tm_h264_depay_read_stats(d, &stats);
  printf("{\"packets\":%llu,\"frames\":%llu,\"keys\":%u,\"damaged\":%u,\"lost\":%llu,\"singles\":%u,\"aggregates\":%u,\"fragments\":%u}\n",
         (unsigned long long)stats.packets, (unsigned long long)stats.frames, keys, damaged, (unsigned long long)stats.lost, singles,
         aggregates, fragments);
  tm_h264_depay_destroy(d);
  return tm_annexb_finish(writer) == TM_OK ? 0 : 1;
}

static int pack(const char *path, int mode, int limit, int cvo_id) {
  static tm_h264_payload payload;
  tm_annexb_reader *reader = NULL;
  tm_annexb_frame unit;
  uint16_t sequence = 65500;
  const tm_h264_payload_config config = {.mode = (uint8_t)mode, .max_payload = (size_t)limit, .cvo_id = (uint8_t)cvo_id};
  if (tm_h264_payload_init(&payload, &config) != TM_OK || tm_annexb_open(path, &(tm_annexb_options){0}, &reader) != TM_OK) return 1;
  while (tm_annexb_next(reader, &unit) == TM_OK) {
    tm_rtp_packet packet;
    if (tm_h264_payload_begin(&payload, unit.data, unit.bytes, &(tm_orientation){.rotation = 90, .back_camera = true}, NULL) != TM_OK) return 2;
    while (tm_h264_payload_next(&payload, &packet) == TM_OK) {
      size_t written = 0;
      packet.payload_type = PAYLOAD_TYPE;
      packet.sequence = sequence++;
      packet.timestamp = unit.timestamp;
      packet.ssrc = SSRC;
      if (tm_rtp_build(&packet, datagram, sizeof datagram, &written) != TM_OK || write_record(datagram, written) != 0) return 1;
    }
  }
  tm_annexb_close(reader);
  return 0;
}

static int feedback(void) {
  static const uint16_t LOST[] = {65534, 65535, 1, 32};
  const tm_rtcp_content lead = {.ssrc = SSRC, .cname = "tandem@localhost"};
  const tm_bitrate_bound bound = {.ssrc = PEER, .bits_per_second = 312144, .overhead = 40};
  for (int i = 0; i < 6; i++) {
    uint8_t message[256];
    size_t bytes = 0, written = 0;
    tm_status status = TM_OK;
    switch (i) {
      case 0: status = tm_feedback_build_pli(SSRC, PEER, message, sizeof message, &bytes); break;
      case 1: status = tm_feedback_build_fir(SSRC, PEER, 7, message, sizeof message, &bytes); break;
      case 2: status = tm_feedback_build_nack(SSRC, PEER, LOST, 4, message, sizeof message, &bytes); break;
      case 3: status = tm_feedback_build_bounds(TM_FEEDBACK_TMMBR, SSRC, &bound, 1, message, sizeof message, &bytes); break;
      case 4: status = tm_feedback_build_bounds(TM_FEEDBACK_TMMBN, SSRC, &bound, 1, message, sizeof message, &bytes); break;
      default: status = tm_feedback_build_pli(SSRC, PEER, message, sizeof message, &bytes); break;
    }
    if (status == TM_OK) status = tm_feedback_datagram(i < 5 ? &lead : NULL, message, bytes, datagram, sizeof datagram, &written);
    if (status != TM_OK || write_record(datagram, written) != 0) return 1;
  }
  return 0;
}

int main(int count, char **words) {
  if (count == 3 && strcmp(words[1], "unpack") == 0) return unpack(words[2]);
  if (count == 6 && strcmp(words[1], "pack") == 0) return pack(words[2], atoi(words[3]), atoi(words[4]), atoi(words[5]));
  if (count == 2 && strcmp(words[1], "feedback") == 0) return feedback();
  fprintf(stderr, "usage: see the head of h264_wire.c\n");
  return 64;
}
