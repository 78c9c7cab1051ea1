// The thread of an H.264 file: access units at their times, from the beginning again whenever a key frame is wanted.
#include <string.h>

#include "clock.h"
#include "stream.h"
#include "video_source_private.h"

static const int64_t MILLI = 1000;

static void failed(tm_video_source *source, tm_status status)
{
  tm_error error;
  (void)tm_video_file_error(&error, source->name, status);
  tm_video_source_trouble(source, &error);
}

// The next access unit to be shown. False: the file cannot be read now.
static bool next(tm_video_source *source, bool key, tm_annexb_frame *frame)
{
  tm_status status = tm_annexb_next(source->reader, frame);
  if (status == TM_OK && key && !frame->key) {
    status = tm_annexb_rewind(source->reader);
    if (status == TM_OK) status = tm_annexb_next(source->reader, frame);
  }
  if (status == TM_OK) return true;
  failed(source, status);
  (void)tm_annexb_rewind(source->reader);
  return false;
}

void *tm_video_file_thread(void *context)
{
  tm_video_source *source = context;
  int64_t start = 0, period = TM_NS_PER_S * MILLI / tm_annexb_millifps(source->reader);
  tm_annexb_frame frame = {.key = false};
  bool running = false, waiting = false;
  (void)pthread_mutex_lock(&source->lock);
  while (!source->quit) {
    if (!tm_video_source_follow(source)) {
      running = false;
      tm_video_source_wait(source, INT64_MAX);
      continue;
    }
    tm_video_port *port = &source->feeds[0]->port;
    bool key = tm_video_port_key_due(port) || !running;
    if (waiting && key && !frame.key) waiting = false;
    if (!waiting && !next(source, key, &frame)) {
      tm_video_source_wait(source, tm_now_ns() + TM_VIDEO_RETRY_MS * TM_NS_PER_MS);
      continue;
    }
    waiting = true;
    int64_t at = (int64_t)frame.time_us * TM_NS_PER_US, now = tm_now_ns();
    // Begun anew, woken up late, or gone back to a key frame: time counts from here.
    if (!running || now - (start + at) > TM_NS_PER_S || start + at - now > period * 2) start = now - at;
    running = true;
    if (now < start + at) {
      tm_video_source_wait(source, start + at);
      continue;
    }
    waiting = false;
    tm_video_source_fine(source);
    if (!atomic_load_explicit(&port->paused, memory_order_relaxed))
      tm_video_port_put(port, frame.data, frame.bytes, frame.key, start + at, period);
  }
  (void)pthread_mutex_unlock(&source->lock);
  return NULL;
}
