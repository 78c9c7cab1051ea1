// Pictures in YUV 4:2:0 planes: from what cameras give (YUYV, NV12, I420, Motion JPEG), and to another size. One thread at a time.
#ifndef TM_PICTURE_H
#define TM_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "tm_status.h"

enum { TM_PICTURE_MAX_SIDE = 4096 };

/** Planes without gaps: y has width * height octets, u and v a quarter of it each. Video range (16 to 235). */
typedef struct {
  unsigned width, height;  // even
  uint8_t *y, *u, *v;
} tm_picture;

typedef enum { TM_PICTURE_I420, TM_PICTURE_NV12, TM_PICTURE_YUYV, TM_PICTURE_MJPEG } tm_picture_format;

/** Black. Errors: ARGUMENT (odd, 0 or more than TM_PICTURE_MAX_SIDE), MEMORY. */
tm_status tm_picture_create(unsigned width, unsigned height, tm_picture *picture);
void tm_picture_destroy(tm_picture *picture);

/** An uncompressed frame of the picture's own size; `stride` octets a line, 0: without gaps. TRUNCATED: too few octets, nothing was written. */
tm_status tm_picture_load(tm_picture *picture, tm_picture_format format, const uint8_t *data, size_t octets, size_t stride);

/** The same at another size: the box that a pixel covers is averaged, growing repeats pixels. Borders keep the aspect ratio. */
void tm_picture_scale(const tm_picture *from, tm_picture *to);

typedef struct tm_jpeg tm_jpeg;

/** A decoder of Motion JPEG frames; NULL when memory is out. */
tm_jpeg *tm_jpeg_create(void);
void tm_jpeg_destroy(tm_jpeg *jpeg);
/** Decodes a frame of exactly the picture's size. MALFORMED: no such JPEG, or one that is damaged; the picture may be half written then. */
tm_status tm_jpeg_load(tm_jpeg *jpeg, const uint8_t *data, size_t octets, tm_picture *picture);

#endif
