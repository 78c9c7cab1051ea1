// Motion JPEG frames of a camera (ITU-T T.81) by libjpeg; frames without Huffman tables get the standard ones, as such cameras expect.
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "tm_picture.h"

enum { CHANNELS = 3, LEVELS = 256, LUMA_SPAN = 219, CHROMA_SPAN = 224, LUMA_BLACK = 16, CHROMA_GREY = 128 };

struct tm_jpeg {
  struct jpeg_decompress_struct decoder;
  struct jpeg_error_mgr errors;
  jmp_buf failed;
  uint8_t *lines;  // two of the picture, three channels
  size_t capacity;
  uint8_t luma[LEVELS], chroma[LEVELS];  // JFIF uses all values, video 16 to 235 and 16 to 240
};

static void fail(j_common_ptr common)
{
  tm_jpeg *jpeg = common->client_data;
  longjmp(jpeg->failed, 1);
}

static void silent(j_common_ptr common)
{
  (void)common;
}

// A damaged frame would show rubbish: it is as bad as none.
static void warned(j_common_ptr common, int level)
{
  if (level < 0) common->err->num_warnings++;
}

static bool prepare(tm_jpeg *jpeg)
{
  if (setjmp(jpeg->failed)) return false;
  jpeg_create_decompress(&jpeg->decoder);
  return true;
}

tm_jpeg *tm_jpeg_create(void)
{
  tm_jpeg *jpeg = calloc(1, sizeof *jpeg);
  if (!jpeg) return NULL;
  jpeg->decoder.err = jpeg_std_error(&jpeg->errors);
  jpeg->decoder.client_data = jpeg;
  jpeg->errors.error_exit = fail;
  jpeg->errors.output_message = silent;
  jpeg->errors.emit_message = warned;
  for (int i = 0; i < LEVELS; i++) {
    jpeg->luma[i] = (uint8_t)(LUMA_BLACK + (i * LUMA_SPAN + LEVELS / 2) / (LEVELS - 1));
    jpeg->chroma[i] = (uint8_t)(CHROMA_GREY + (i - CHROMA_GREY) * CHROMA_SPAN / (LEVELS - 1));
  }
  if (prepare(jpeg)) return jpeg;
  free(jpeg);
  return NULL;
}

void tm_jpeg_destroy(tm_jpeg *jpeg)
{
  if (!jpeg) return;
  jpeg_destroy_decompress(&jpeg->decoder);
  free(jpeg->lines);
  free(jpeg);
}

static void take_lines(const tm_jpeg *jpeg, tm_picture *picture, size_t line)
{
  size_t width = picture->width, half = width / 2;
  for (size_t below = 0; below < 2; below++) {
    const uint8_t *from = jpeg->lines + below * width * CHANNELS;
    uint8_t *y = picture->y + (line + below) * width;
    for (size_t x = 0; x < width; x++) y[x] = jpeg->luma[from[x * CHANNELS]];
  }
  const uint8_t *a = jpeg->lines, *b = a + width * CHANNELS;
  for (size_t x = 0; x < half; x++, a += 2 * CHANNELS, b += 2 * CHANNELS) {
    int u = a[1] + a[1 + CHANNELS] + b[1] + b[1 + CHANNELS], v = a[2] + a[2 + CHANNELS] + b[2] + b[2 + CHANNELS];
    picture->u[line / 2 * half + x] = jpeg->chroma[(u + 2) / 4];
    picture->v[line / 2 * half + x] = jpeg->chroma[(v + 2) / 4];
  }
}

static tm_status decode(tm_jpeg *jpeg, const uint8_t *data, size_t octets, tm_picture *picture)
{
  struct jpeg_decompress_struct *decoder = &jpeg->decoder;
  jpeg->errors.num_warnings = 0;
  jpeg_mem_src(decoder, data, (unsigned long)octets);
  if (jpeg_read_header(decoder, TRUE) != JPEG_HEADER_OK) return TM_ERR_MALFORMED;
  if (decoder->image_width != picture->width || decoder->image_height != picture->height || decoder->num_components != CHANNELS)
    return TM_ERR_MALFORMED;
  decoder->out_color_space = JCS_YCbCr;
  decoder->dct_method = JDCT_IFAST;
  decoder->do_fancy_upsampling = FALSE;
  if (!jpeg_start_decompress(decoder)) return TM_ERR_MALFORMED;
  for (unsigned line = 0; line < picture->height; line += 2) {
    for (unsigned below = 0; below < 2; below++) {
      JSAMPROW row = jpeg->lines + (size_t)below * picture->width * CHANNELS;
      if (jpeg_read_scanlines(decoder, &row, 1) != 1) return TM_ERR_MALFORMED;
    }
    take_lines(jpeg, picture, line);
  }
  // Some cameras leave out the end marker: one warning is forgiven, damage brings many.
  return jpeg->errors.num_warnings > 1 ? TM_ERR_MALFORMED : TM_OK;
}

tm_status tm_jpeg_load(tm_jpeg *jpeg, const uint8_t *data, size_t octets, tm_picture *picture)
{
  size_t need = (size_t)picture->width * CHANNELS * 2;
  if (octets == 0) return TM_ERR_TRUNCATED;
  if (jpeg->capacity < need) {
    uint8_t *lines = realloc(jpeg->lines, need);
    if (!lines) return TM_ERR_MEMORY;
    jpeg->lines = lines;
    jpeg->capacity = need;
  }
  volatile tm_status status = TM_ERR_MALFORMED;
  if (setjmp(jpeg->failed) == 0) status = decode(jpeg, data, octets, picture);
  jpeg_abort_decompress(&jpeg->decoder);
  return status;
}
