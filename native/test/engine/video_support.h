// What the tests of video share: films of moving bars, the streams between them, a look into what arrived.
#ifndef TM_TEST_VIDEO_SUPPORT_H
#define TM_TEST_VIDEO_SUPPORT_H

#include "support.h"
#include "tm_feedback.h"
#include "tm_nal.h"
#include "video.h"

enum { FILM_WIDTH = 320, FILM_HEIGHT = 240, FILM_FPS = 30, FILM_PT = 104 };

/** Writes an H.264 file of so many pictures; `slice` octets a NAL unit at most, 0: as it comes; `noise`: grain of the picture, 0 to 200. */
bool film_make(const char *path, unsigned frames, size_t slice, unsigned noise);
/** A file in memory; free it. NULL when it cannot be read. */
uint8_t *film_read(const char *path, size_t *octets);
/** How many NAL units of a type are in it. */
unsigned film_count(const uint8_t *data, size_t octets, uint8_t type);
/** Whether slice after slice of `received` is one of `sent`, read around in a circle from its beginning. `*count`: how many. */
bool film_follows(const uint8_t *sent, size_t sent_octets, const uint8_t *received, size_t received_octets, unsigned *count);

uint32_t film_open(tm_engine *engine);
/** To a port on 127.0.0.1: both directions, packetization-mode 1, all feedback, level 3.1. */
tm_video_config film_config(uint16_t port);
tm_video_stats film_stats(const tm_engine *engine, uint32_t stream);

#endif
