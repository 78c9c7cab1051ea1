// Pictures in YUV 4:2:0: copied out of camera frames, scaled.
#include "tm_picture.h"

#include <stdlib.h>
#include <string.h>

enum { BLACK_Y = 16, GREY = 128 };

tm_status tm_picture_create(unsigned width, unsigned height, tm_picture *picture)
{
  memset(picture, 0, sizeof *picture);
  if (width == 0 || height == 0 || width % 2 || height % 2 || width > TM_PICTURE_MAX_SIDE || height > TM_PICTURE_MAX_SIDE)
    return TM_ERR_ARGUMENT;
  size_t pixels = (size_t)width * height;
  picture->y = malloc(pixels + pixels / 2);
  if (!picture->y) return TM_ERR_MEMORY;
  picture->width = width;
  picture->height = height;
  picture->u = picture->y + pixels;
  picture->v = picture->u + pixels / 4;
  memset(picture->y, BLACK_Y, pixels);
  memset(picture->u, GREY, pixels / 2);
  return TM_OK;
}

void tm_picture_destroy(tm_picture *picture)
{
  free(picture->y);
  memset(picture, 0, sizeof *picture);
}

static void copy_plane(uint8_t *to, const uint8_t *from, size_t width, size_t height, size_t stride)
{
  for (size_t line = 0; line < height; line++) memcpy(to + line * width, from + line * stride, width);
}

static void load_nv12(tm_picture *picture, const uint8_t *data, size_t stride)
{
  size_t width = picture->width, height = picture->height, half = width / 2;
  const uint8_t *chroma = data + stride * height;
  copy_plane(picture->y, data, width, height, stride);
  for (size_t line = 0; line < height / 2; line++) {
    const uint8_t *from = chroma + line * stride;
    for (size_t x = 0; x < half; x++) {
      picture->u[line * half + x] = from[2 * x];
      picture->v[line * half + x] = from[2 * x + 1];
    }
  }
}

static void load_i420(tm_picture *picture, const uint8_t *data, size_t stride)
{
  size_t width = picture->width, height = picture->height, half_stride = stride / 2;
  copy_plane(picture->y, data, width, height, stride);
  const uint8_t *u = data + stride * height, *v = u + half_stride * (height / 2);
  copy_plane(picture->u, u, width / 2, height / 2, half_stride);
  copy_plane(picture->v, v, width / 2, height / 2, half_stride);
}

// 4:2:2 packed: colour of two lines is averaged.
static void load_yuyv(tm_picture *picture, const uint8_t *data, size_t stride)
{
  size_t half = picture->width / 2;
  for (size_t line = 0; line < picture->height; line += 2) {
    const uint8_t *a = data + line * stride, *b = a + stride;
    uint8_t *y = picture->y + line * picture->width, *below = y + picture->width;
    uint8_t *u = picture->u + line / 2 * half, *v = picture->v + line / 2 * half;
    for (size_t x = 0; x < half; x++, a += 4, b += 4) {
      y[2 * x] = a[0];
      y[2 * x + 1] = a[2];
      below[2 * x] = b[0];
      below[2 * x + 1] = b[2];
      u[x] = (uint8_t)((a[1] + b[1] + 1) / 2);
      v[x] = (uint8_t)((a[3] + b[3] + 1) / 2);
    }
  }
}

tm_status tm_picture_load(tm_picture *picture, tm_picture_format format, const uint8_t *data, size_t octets, size_t stride)
{
  size_t line = format == TM_PICTURE_YUYV ? picture->width * 2u : picture->width;
  if (stride == 0) stride = line;
  if (stride < line || format == TM_PICTURE_MJPEG) return TM_ERR_ARGUMENT;
  // The last line of a plane need not be padded: what is read counts.
  size_t lines = format == TM_PICTURE_YUYV ? picture->height : picture->height + picture->height / 2u;
  if (octets < stride * (lines - 1) + (format == TM_PICTURE_I420 ? stride / 2 : line)) return TM_ERR_TRUNCATED;
  if (format == TM_PICTURE_NV12) load_nv12(picture, data, stride);
  else if (format == TM_PICTURE_YUYV) load_yuyv(picture, data, stride);
  else if (octets < stride * lines) return TM_ERR_TRUNCATED;
  else load_i420(picture, data, stride);
  return TM_OK;
}

typedef struct {
  unsigned x, y, width, height;
} box;

static uint8_t average(const uint8_t *from, unsigned stride, unsigned x0, unsigned x1, unsigned y0, unsigned y1)
{
  unsigned sum = 0, count = (x1 - x0) * (y1 - y0);
  for (unsigned y = y0; y < y1; y++)
    for (unsigned x = x0; x < x1; x++) sum += from[(size_t)y * stride + x];
  return (uint8_t)((sum + count / 2) / count);
}

static void scale_plane(const uint8_t *from, unsigned width, unsigned height, uint8_t *to, unsigned stride, box at)
{
  for (unsigned y = 0; y < at.height; y++) {
    unsigned y0 = y * height / at.height, y1 = (y + 1) * height / at.height;
    if (y1 <= y0) y1 = y0 + 1;
    for (unsigned x = 0; x < at.width; x++) {
      unsigned x0 = x * width / at.width, x1 = (x + 1) * width / at.width;
      if (x1 <= x0) x1 = x0 + 1;
      to[(size_t)(at.y + y) * stride + at.x + x] = average(from, width, x0, x1, y0, y1);
    }
  }
}

// The largest even box of the aspect ratio of `from` that fits into `to`, in its middle.
static box fit(const tm_picture *from, const tm_picture *to)
{
  unsigned width = to->width, height = to->width * from->height / from->width & ~1u;
  if (height > to->height) {
    height = to->height;
    width = to->height * from->width / from->height & ~1u;
  }
  if (width < 2) width = 2;
  if (height < 2) height = 2;
  return (box){.x = (to->width - width) / 2 & ~1u, .y = (to->height - height) / 2 & ~1u, .width = width, .height = height};
}

void tm_picture_scale(const tm_picture *from, tm_picture *to)
{
  size_t pixels = (size_t)to->width * to->height;
  if (from->width == to->width && from->height == to->height) {
    memcpy(to->y, from->y, pixels + pixels / 2);
    return;
  }
  box luma = fit(from, to);
  box chroma = {luma.x / 2, luma.y / 2, luma.width / 2, luma.height / 2};
  if (luma.width != to->width || luma.height != to->height) {
    memset(to->y, BLACK_Y, pixels);
    memset(to->u, GREY, pixels / 2);
  }
  scale_plane(from->y, from->width, from->height, to->y, to->width, luma);
  scale_plane(from->u, from->width / 2, from->height / 2, to->u, to->width / 2, chroma);
  scale_plane(from->v, from->width / 2, from->height / 2, to->v, to->width / 2, chroma);
}
