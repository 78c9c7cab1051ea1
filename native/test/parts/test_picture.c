// Pictures out of camera frames, JPEG that is damaged, sizes, and what the encoder makes of them.
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include "tm_encoder.h"
#include "tm_nal.h"
#include "tm_test.h"

enum { WIDTH = 64, HEIGHT = 48 };

static void yuyv(void)
{
  static uint8_t data[(WIDTH * 2 + 16) * HEIGHT];
  tm_picture picture;
  CHECK_INT(tm_picture_create(WIDTH, HEIGHT, &picture), TM_OK);
  for (unsigned y = 0; y < HEIGHT; y++)
    for (unsigned x = 0; x < WIDTH; x++) {
      data[y * (WIDTH * 2 + 16) + x * 2] = (uint8_t)(x + y);
      data[y * (WIDTH * 2 + 16) + x * 2 + 1] = x % 2 ? 90 : (uint8_t)(100 + y % 2 * 10);
    }
  CHECK_INT(tm_picture_load(&picture, TM_PICTURE_YUYV, data, sizeof data, WIDTH * 2 + 16), TM_OK);
  CHECK_INT(picture.y[5 * WIDTH + 7], 12);
  CHECK_INT(picture.u[0], 105);
  CHECK_INT(picture.v[0], 90);
  CHECK_INT(tm_picture_load(&picture, TM_PICTURE_YUYV, data, WIDTH * 2 * HEIGHT - 1, 0), TM_ERR_TRUNCATED);
  CHECK_INT(tm_picture_load(&picture, TM_PICTURE_YUYV, data, sizeof data, WIDTH), TM_ERR_ARGUMENT);
  tm_picture_destroy(&picture);
}

static void planar(void)
{
  static uint8_t data[WIDTH * HEIGHT * 3 / 2];
  tm_picture picture;
  CHECK_INT(tm_picture_create(WIDTH, HEIGHT, &picture), TM_OK);
  for (unsigned i = 0; i < sizeof data; i++) data[i] = (uint8_t)i;
  CHECK_INT(tm_picture_load(&picture, TM_PICTURE_NV12, data, sizeof data, 0), TM_OK);
  CHECK_INT(picture.y[100], 100);
  CHECK_INT(picture.u[3], data[WIDTH * HEIGHT + 6]);
  CHECK_INT(picture.v[3], data[WIDTH * HEIGHT + 7]);
  CHECK_INT(tm_picture_load(&picture, TM_PICTURE_I420, data, sizeof data, 0), TM_OK);
  CHECK_INT(picture.u[3], data[WIDTH * HEIGHT + 3]);
  CHECK_INT(picture.v[3], data[WIDTH * HEIGHT * 5 / 4 + 3]);
  CHECK_INT(tm_picture_load(&picture, TM_PICTURE_I420, data, sizeof data - 1, 0), TM_ERR_TRUNCATED);
  CHECK_INT(tm_picture_load(&picture, TM_PICTURE_NV12, data, sizeof data - 1, 0), TM_ERR_TRUNCATED);
  tm_picture_destroy(&picture);
  CHECK_INT(tm_picture_create(63, 48, &picture), TM_ERR_ARGUMENT);
  CHECK_INT(tm_picture_create(0, 48, &picture), TM_ERR_ARGUMENT);
}

static void scaled(void)
{
  tm_picture from, same, wide;
  CHECK_INT(tm_picture_create(WIDTH, HEIGHT, &from), TM_OK);
  CHECK_INT(tm_picture_create(WIDTH / 2, HEIGHT / 2, &same), TM_OK);
  CHECK_INT(tm_picture_create(WIDTH * 2, HEIGHT, &wide), TM_OK);
  memset(from.y, 200, WIDTH * HEIGHT);
  memset(from.u, 50, WIDTH * HEIGHT / 4);
  from.y[0] = 100;
  tm_picture_scale(&from, &same);
  CHECK_INT(same.y[0], 175);
  CHECK_INT(same.y[1], 200);
  CHECK_INT(same.u[5], 50);
  // Another shape: black at both sides.
  tm_picture_scale(&from, &wide);
  CHECK_INT(wide.y[10], 16);
  CHECK_INT(wide.y[WIDTH * 2 - 10], 16);
  CHECK_INT(wide.y[WIDTH + WIDTH * 2 * 10], 200);
  CHECK_INT(wide.u[2], 128);
  tm_picture_destroy(&from);
  tm_picture_destroy(&same);
  tm_picture_destroy(&wide);
}

static unsigned long make_jpeg(uint8_t **data)
{
  struct jpeg_compress_struct encoder;
  struct jpeg_error_mgr errors;
  unsigned long octets = 0;
  static uint8_t line[WIDTH * 3];
  JSAMPROW row = line;
  encoder.err = jpeg_std_error(&errors);
  jpeg_create_compress(&encoder);
  jpeg_mem_dest(&encoder, data, &octets);
  encoder.image_width = WIDTH;
  encoder.image_height = HEIGHT;
  encoder.input_components = 3;
  encoder.in_color_space = JCS_RGB;
  jpeg_set_defaults(&encoder);
  jpeg_start_compress(&encoder, TRUE);
  for (unsigned y = 0; y < HEIGHT; y++) {
    for (unsigned x = 0; x < WIDTH; x++) line[x * 3] = line[x * 3 + 1] = line[x * 3 + 2] = x < WIDTH / 2 ? 255 : 0;
    (void)jpeg_write_scanlines(&encoder, &row, 1);
  }
  jpeg_finish_compress(&encoder);
  jpeg_destroy_compress(&encoder);
  return octets;
}

static void jpeg(void)
{
  uint8_t *data = NULL;
  unsigned long octets = make_jpeg(&data);
  uint32_t chance = 5;
  tm_picture picture, other;
  tm_jpeg *decoder = tm_jpeg_create();
  CHECK(decoder && octets > 0);
  CHECK_INT(tm_picture_create(WIDTH, HEIGHT, &picture), TM_OK);
  CHECK_INT(tm_picture_create(WIDTH * 2, HEIGHT, &other), TM_OK);
  CHECK_INT(tm_jpeg_load(decoder, data, octets, &picture), TM_OK);
  CHECK_RANGE(picture.y[3], 233, 236);  // white of the video range
  CHECK_RANGE(picture.y[WIDTH - 3], 15, 18);
  CHECK_RANGE(picture.u[3], 127, 129);
  CHECK_INT(tm_jpeg_load(decoder, data, octets, &other), TM_ERR_MALFORMED);
  CHECK_INT(tm_jpeg_load(decoder, data, 0, &picture), TM_ERR_TRUNCATED);
  // Cut and broken frames are refused or shown, never more.
  for (unsigned long i = 1; i < octets; i += 7) (void)tm_jpeg_load(decoder, data, i, &picture);
  CHECK_INT(tm_jpeg_load(decoder, data, octets / 2, &picture), TM_ERR_MALFORMED);
  for (int i = 0; i < 2000; i++) {
    uint8_t *at = &data[(chance = chance * 1664525u + 1013904223u) % octets], before = *at;
    *at = (uint8_t)(chance >> 24);
    (void)tm_jpeg_load(decoder, data, octets, &picture);
    *at = before;
  }
  CHECK_INT(tm_jpeg_load(decoder, data, octets, &picture), TM_OK);
  tm_jpeg_destroy(decoder);
  tm_picture_destroy(&picture);
  tm_picture_destroy(&other);
  free(data);
}

static void move(tm_picture *picture, unsigned number)
{
  for (unsigned y = 0; y < picture->height; y++)
    for (unsigned x = 0; x < picture->width; x++)
      picture->y[y * picture->width + x] = (uint8_t)(16 + (x * 7 + y * 3 + number * 11 + (x * y * (number + 1)) % 41) % 200);
}

static size_t largest_unit(const tm_encoded *out, tm_h264_sps *sps)
{
  tm_nal_scanner scanner;
  tm_nal nal;
  size_t largest = 0;
  tm_nal_scan(&scanner, out->data, out->octets);
  while (tm_nal_next(&scanner, &nal) == TM_OK) {
    if (nal.bytes > largest) largest = nal.bytes;
    if (nal.type == TM_NAL_SPS && sps) (void)tm_h264_read_sps(&nal, sps);
  }
  return largest;
}

static void encoder(void)
{
  tm_encoder_config config = {.width = 352, .height = 288, .fps = 15, .bits_per_second = 300000, .level_idc = 12, .slice_octets = 1200};
  tm_encoder *made;
  tm_picture picture;
  tm_encoded out;
  tm_h264_sps sps = {0};
  CHECK_INT(tm_picture_create(352, 288, &picture), TM_OK);
  CHECK_INT(tm_encoder_create(TM_ENCODER_SOFTWARE, &config, &made), TM_OK);
  move(&picture, 0);
  CHECK_INT(tm_encoder_encode(made, &picture, 0, &out), TM_OK);
  CHECK(out.key);
  CHECK_RANGE(largest_unit(&out, &sps), 1, 1200);
  CHECK_INT(sps.profile_idc, 66);
  CHECK(sps.constraints & 0x40);  // constraint_set1: constrained baseline
  CHECK_INT(sps.level_idc, 12);
  CHECK_INT(sps.width, 352);
  CHECK(sps.has_restriction);
  CHECK_INT(sps.num_reorder_frames, 0);
  size_t fast = 0, slow = 0;
  for (unsigned i = 1; i < 45; i++) {
    move(&picture, i);
    if (i == 20) tm_encoder_force_key(made);
    CHECK_INT(tm_encoder_encode(made, &picture, i * 66, &out), TM_OK);
    if (out.octets > 0) CHECK_RANGE(largest_unit(&out, NULL), 1, 1200);
    CHECK_INT(out.key, i == 20);
    fast += out.octets;
  }
  CHECK_INT(tm_encoder_set_rate(made, 60000, 15), TM_OK);
  for (unsigned i = 45; i < 120; i++) {
    move(&picture, i);
    CHECK_INT(tm_encoder_encode(made, &picture, i * 66, &out), TM_OK);
    if (i >= 75) slow += out.octets;
  }
  CHECK_RANGE((double)slow / (double)fast, 0, 0.5);
  CHECK_INT(tm_encoder_set_rate(made, 600000, 15), TM_OK);
  tm_encoder_destroy(made);
  config.width = 351;
  CHECK_INT(tm_encoder_create(TM_ENCODER_SOFTWARE, &config, &made), TM_ERR_ARGUMENT);
  tm_picture_destroy(&picture);
}

int main(void)
{
  tm_test_run("YUYV", yuyv);
  tm_test_run("NV12 and I420", planar);
  tm_test_run("scaling keeps the shape", scaled);
  tm_test_run("JPEG, whole, cut and broken", jpeg);
  tm_test_run("encoder: constrained baseline, slices, key frames and rates on demand", encoder);
  return tm_test_end();
}
