// What the tests of video share.
#include "video_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tm_annexb.h"
#include "tm_encoder.h"

// Bars that move, and a square that tells the number of the picture.
static void paint(tm_picture *picture, unsigned number, unsigned noise)
{
  uint32_t chance = number + 1;
  for (unsigned y = 0; y < picture->height; y++)
    for (unsigned x = 0; x < picture->width; x++) {
      chance = chance * 1664525u + 1013904223u;
      unsigned grain = noise ? (chance >> 16) % noise : 0;
      picture->y[y * picture->width + x] = (uint8_t)(16 + ((x + number * 3) / 20 * 37 + y / 3 + grain) % 200);
    }
  for (unsigned i = 0; i < picture->width * picture->height / 4; i++) {
    picture->u[i] = (uint8_t)(64 + (i + number) % 128);
    picture->v[i] = (uint8_t)(64 + i / 160 % 128);
  }
}

bool film_make(const char *path, unsigned frames, size_t slice, unsigned noise)
{
  tm_encoder_config config = {
      .width = FILM_WIDTH, .height = FILM_HEIGHT, .fps = FILM_FPS, .bits_per_second = 1500000, .level_idc = 31, .slice_octets = slice};
  tm_encoder *encoder = NULL;
  tm_annexb_writer *writer = NULL;
  tm_picture picture;
  tm_encoded out;
  bool fine = tm_picture_create(FILM_WIDTH, FILM_HEIGHT, &picture) == TM_OK &&
              tm_encoder_create(TM_ENCODER_SOFTWARE, &config, &encoder) == TM_OK && tm_annexb_create(path, &writer) == TM_OK;
  for (unsigned i = 0; i < frames && fine; i++) {
    paint(&picture, i, noise);
    fine = tm_encoder_encode(encoder, &picture, (int64_t)i * 1000 / FILM_FPS, &out) == TM_OK;
    if (fine && out.octets > 0) fine = tm_annexb_write(writer, out.data, out.octets) == TM_OK;
  }
  fine = tm_annexb_finish(writer) == TM_OK && fine;
  tm_encoder_destroy(encoder);
  tm_picture_destroy(&picture);
  return fine;
}

uint8_t *film_read(const char *path, size_t *octets)
{
  FILE *file = fopen(path, "rb");
  *octets = 0;
  if (!file) return NULL;
  (void)fseek(file, 0, SEEK_END);
  long length = ftell(file);
  rewind(file);
  uint8_t *data = malloc(length > 0 ? (size_t)length : 1);
  if (data) *octets = fread(data, 1, (size_t)length, file);
  (void)fclose(file);
  return data;
}

unsigned film_count(const uint8_t *data, size_t octets, uint8_t type)
{
  tm_nal_scanner scanner;
  tm_nal nal;
  unsigned count = 0;
  tm_nal_scan(&scanner, data, octets);
  while (tm_nal_next(&scanner, &nal) == TM_OK) count += nal.type == type;
  return count;
}

// Parameter sets and SEI come and go on the way.
static bool next_slice(tm_nal_scanner *scanner, tm_nal *nal)
{
  while (tm_nal_next(scanner, nal) == TM_OK)
    if (nal->type == TM_NAL_SLICE || nal->type == TM_NAL_IDR) return true;
  return false;
}

bool film_follows(const uint8_t *sent, size_t sent_octets, const uint8_t *received, size_t received_octets, unsigned *count)
{
  tm_nal_scanner from, to;
  tm_nal expected, got;
  *count = 0;
  tm_nal_scan(&from, sent, sent_octets);
  tm_nal_scan(&to, received, received_octets);
  while (next_slice(&to, &got)) {
    if (!next_slice(&from, &expected)) {
      tm_nal_scan(&from, sent, sent_octets);
      if (!next_slice(&from, &expected)) return false;
    }
    if (expected.bytes != got.bytes || memcmp(expected.data, got.data, got.bytes) != 0) {
      printf("# NAL unit %u: type %u of %zu octets, not type %u of %zu\n", *count, got.type, got.bytes, expected.type, expected.bytes);
      return false;
    }
    (*count)++;
  }
  return true;
}

uint32_t film_open(tm_engine *engine)
{
  tm_error error = {.status = TM_ENGINE_OK};
  tm_video_options options = {.address = "127.0.0.1"};
  uint32_t id = 0;
  if (tm_video_open(engine, &options, &id, &error) == TM_ENGINE_OK) return id;
  printf("# open: %s\n", error.text);
  return 0;
}

tm_video_config film_config(uint16_t port)
{
  tm_video_config config = {.remote_address = "127.0.0.1",
                            .remote_port = port,
                            .payload_type = FILM_PT,
                            .receive_payload_type = FILM_PT,
                            .packetization_mode = 1,
                            .profile_level_id = 0x42E01F,
                            .nack = true,
                            .pli = true,
                            .fir = true,
                            .tmmbr = true,
                            .avpf = true,
                            .send = true,
                            .receive = true,
                            .rtcp_senders_bps = 4000,
                            .rtcp_receivers_bps = 4000};
  snprintf(config.cname, sizeof config.cname, "film@localhost");
  return config;
}

tm_video_stats film_stats(const tm_engine *engine, uint32_t stream)
{
  tm_video_stats stats = {.ssrc = 0};
  (void)tm_video_stats_get(engine, stream, &stats);
  return stats;
}
