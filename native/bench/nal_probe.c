// nal_probe FILE: octets a second through (1) inspector, (2) depacketiser with inspector, (3) libavcodec's H.264 parser, (4)
// a memchr pass for start codes, (5) memcpy. A JSON line for each. The file is laid out in memory several times over, so that no
// cache holds it.
#ifdef WITH_LIBAVCODEC
#include <libavcodec/avcodec.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tm_h264_depay.h"
#include "tm_h264_payload.h"

enum { LAID_OUT = 64 << 20, PADDING = 64, PACKET_ROOM = 1216, RUNS = 5 };

typedef struct packet {
  uint32_t timestamp;
  uint16_t bytes;
  uint8_t marker;
  uint8_t data[PACKET_ROOM];
} packet;

static uint8_t *stream;
static size_t stream_bytes;
static packet *packets;
static size_t packet_count, payload_bytes;
static volatile uint64_t sink; // keeps the work from being thrown out

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t inspect(void) {
  static tm_h264_inspector inspector;
  tm_nal_scanner scanner;
  tm_nal nal;
  size_t count = 0;
  tm_h264_inspector_reset(&inspector);
  tm_nal_scan(&scanner, stream, stream_bytes);
  while (tm_nal_next(&scanner, &nal) == TM_OK) {
    tm_h264_unit unit;
    tm_h264_inspect(&inspector, &nal, &unit);
    sink += unit.slice.frame_num;
    count++;
  }
  return count;
}

static size_t depacketise(void) {
  tm_h264_depay *d = NULL;
  if (tm_h264_depay_create(&(tm_h264_depay_config){0}, &d) != TM_OK) abort();
  for (size_t i = 0; i < packet_count; i++) {
    const packet *p = &packets[i];
    tm_rtp_packet rtp = {.sequence = (uint16_t)i, .timestamp = p->timestamp, .ssrc = 1, .marker = p->marker, .payload = p->data, .payload_bytes = p->bytes};
    tm_h264_frame frame;
    tm_h264_depay_put(d, &rtp, i);
    while (tm_h264_depay_get(d, i, &frame) == TM_OK) sink += frame.bytes;
  }
  tm_h264_depay_destroy(d);
  return packet_count;
}

#ifdef WITH_LIBAVCODEC
static size_t parse_with_libavcodec(void) {
  AVCodecParserContext *parser = av_parser_init(AV_CODEC_ID_H264);
  AVCodecContext *context = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
  if (parser == NULL || context == NULL) abort();
  size_t frames = 0;
  for (size_t at = 0; at < stream_bytes;) {
    uint8_t *out = NULL;
    int bytes = 0;
    size_t left = stream_bytes - at;
    int took = av_parser_parse2(parser, context, &out, &bytes, stream + at, (int)(left < 65536 ? left : 65536), AV_NOPTS_VALUE, AV_NOPTS_VALUE, 0);
    if (took < 0) abort();
    at += (size_t)took;
    frames += bytes > 0;
  }
  av_parser_close(parser);
  avcodec_free_context(&context);
  return frames;
}
#endif

static size_t scan(void) {
  size_t count = 0;
  const uint8_t *end = stream + stream_bytes;
  for (const uint8_t *at = stream; (at = memchr(at, 1, (size_t)(end - at))) != NULL; at++)
    if (at - stream >= 2 && at[-1] == 0 && at[-2] == 0) count++;
  sink += count;
  return count;
}

static size_t copy(void) {
  static uint8_t *to;
  if (to == NULL) to = malloc(stream_bytes);
  memcpy(to, stream, stream_bytes);
  sink += to[stream_bytes / 2];
  return 1;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void measure(const char *name, size_t (*body)(void), size_t bytes) {
  double runs[RUNS];
  size_t things = 0;
  for (int i = 0; i < RUNS; i++) {
    double from = seconds();
    things = body();
    runs[i] = seconds() - from;
  }
  qsort(runs, RUNS, sizeof *runs, compare);
  printf("{\"what\":\"%s\",\"mb_per_s\":%.1f,\"ns_each\":%.1f,\"things\":%zu}\n", name, (double)bytes / runs[RUNS / 2] / 1e6,
         runs[RUNS / 2] * 1e9 / (double)(things == 0 ? 1 : things), things);
}

static void make_packets(void) {
  static tm_h264_payload payload;
  tm_nal_scanner scanner;
  tm_nal nal;
  packets = malloc((stream_bytes / 400 + 1000) * sizeof *packets);
  if (packets == NULL) abort();
  tm_h264_payload_init(&payload, &(tm_h264_payload_config){.mode = 1});
  tm_nal_scan(&scanner, stream, stream_bytes);
  // A slice is a picture in the streams measured.
  for (uint32_t timestamp = 0; tm_nal_next(&scanner, &nal) == TM_OK; timestamp += nal.type == TM_NAL_SLICE || nal.type == TM_NAL_IDR ? 3000 : 0) {
    tm_rtp_packet rtp;
    bool picture = nal.type == TM_NAL_SLICE || nal.type == TM_NAL_IDR;
    if (tm_h264_payload_begin(&payload, nal.data - 3, nal.bytes + 3, NULL, NULL) != TM_OK) continue;
    while (tm_h264_payload_next(&payload, &rtp) == TM_OK) {
      packet *p = &packets[packet_count++];
      p->timestamp = timestamp;
      p->bytes = (uint16_t)rtp.payload_bytes;
      p->marker = rtp.marker && picture;
      memcpy(p->data, rtp.payload, rtp.payload_bytes);
      payload_bytes += rtp.payload_bytes;
    }
  }
}

int main(int count, char **words) {
  if (count != 2) return 64;
  FILE *file = fopen(words[1], "rb");
  stream = calloc(1, LAID_OUT + PADDING);
  if (file == NULL || stream == NULL) return 66;
  size_t once = fread(stream, 1, LAID_OUT, file);
  fclose(file);
  if (once == 0) return 66;
  for (stream_bytes = once; stream_bytes + once <= LAID_OUT; stream_bytes += once) memcpy(stream + stream_bytes, stream, once);
  make_packets();
  measure("inspector", inspect, stream_bytes);
  measure("depacketiser", depacketise, payload_bytes);
#ifdef WITH_LIBAVCODEC
  measure("libavcodec", parse_with_libavcodec, stream_bytes);
#endif
  measure("memchr", scan, stream_bytes);
  measure("memcpy", copy, stream_bytes);
  return 0;
}
