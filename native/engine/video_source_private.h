// A source as its two kinds of threads see it.
#ifndef TM_ENGINE_VIDEO_SOURCE_PRIVATE_H
#define TM_ENGINE_VIDEO_SOURCE_PRIVATE_H

#include <pthread.h>

#include "tm_annexb.h"
#include "video_source.h"

enum { TM_VIDEO_FEEDS = 8, TM_VIDEO_NAME = 1024, TM_VIDEO_RETRY_MS = 1000 };

struct tm_video_source {
  tm_video_pool *pool;
  tm_video_source *next;
  tm_endpoint_kind kind;
  char name[TM_VIDEO_NAME];
  pthread_t thread;
  pthread_mutex_t lock;  // feeds, quit; held by the source's thread while it works for them
  pthread_cond_t changed;
  bool quit;
  tm_video_feed *feeds[TM_VIDEO_FEEDS];
  unsigned count;
  // source's thread
  tm_annexb_reader *reader;
  tm_camera *camera;
  tm_jpeg *jpeg;
  tm_picture picture;  // of the camera's size
  int64_t heard_ns;
  bool recodes;        // the camera's own H.264 is of no use to anyone
};

struct tm_video_pool {
  const tm_camera_system *system;
  unsigned max_width, max_height;
  tm_video_source *sources;  // control and housekeeping thread, under the lock
  pthread_mutex_t lock;
};

void *tm_video_file_thread(void *source);
void *tm_video_camera_thread(void *source);

// With the source's lock held, on its thread.
/** Takes over new wishes; true when anyone sends. */
bool tm_video_source_follow(tm_video_source *source);
/** Sleeps until `until_ns` (INT64_MAX: for good) or until something changed. */
void tm_video_source_wait(tm_video_source *source, int64_t until_ns);
void tm_video_source_trouble(tm_video_source *source, const tm_error *error);
void tm_video_source_fine(tm_video_source *source);

/** The smaller of two sizes, of which 0 bounds nothing in `other`. */
static inline unsigned tm_video_least(unsigned own, unsigned other)
{
  return other == 0 || own < other ? own : other;
}

/** What to tell the owner when a file cannot be read, a camera cannot be had. */
tm_engine_status tm_video_file_error(tm_error *error, const char *name, tm_status status);
tm_engine_status tm_video_camera_error(tm_error *error, const char *name, tm_status status, int code);

#endif
