// Echo return loss enhancement of a made-up room (../test/room/scene.h) in the usual place, ours against the echo canceller of libspeexdsp.
// Prints a JSON line for each skew: {"skew_ppm", "ours_db", "speexdsp_db", "ours_us", "speexdsp_us"} (processor time of 10 ms).
#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../test/room/scene.h"

enum { TAIL = 4096 };  // samples: the delay of the scene and its room

static const double skews[] = {0, 20, 100};

static double seconds(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

// As its manual has it: canceller, then the preprocessor that suppresses what is left.
static void through_speex(scene *made)
{
  int hz = TM_ROOM_HZ;
  SpeexEchoState *echo = speex_echo_state_init(TM_ROOM_BLOCK, TAIL);
  SpeexPreprocessState *rest = speex_preprocess_state_init(TM_ROOM_BLOCK, hz);
  int off = 0;
  speex_echo_ctl(echo, SPEEX_ECHO_SET_SAMPLING_RATE, &hz);
  speex_preprocess_ctl(rest, SPEEX_PREPROCESS_SET_ECHO_STATE, echo);
  speex_preprocess_ctl(rest, SPEEX_PREPROCESS_SET_DENOISE, &off);
  for (size_t at = 0; at + TM_ROOM_BLOCK <= made->count; at += TM_ROOM_BLOCK) {
    speex_echo_cancellation(echo, made->mic + at, made->far + at, made->out + at);
    speex_preprocess_run(rest, made->out + at);
  }
  speex_preprocess_state_destroy(rest);
  speex_echo_state_destroy(echo);
}

int main(void)
{
  for (size_t i = 0; i < sizeof skews / sizeof skews[0]; i++) {
    scene made;
    tm_room *room = NULL;
    scene_options options = scene_usual(skews[i]);
    tm_room_options cleaning = {.echo_cancel = true, .delay_ms = (int)options.delay_ms};
    if (!scene_make(&made, &options) || tm_room_create(&cleaning, &room) != TM_OK) return 1;
    double blocks = (double)made.count / TM_ROOM_BLOCK, start = seconds();
    scene_through(&made, room);
    double ours_us = (seconds() - start) / blocks * 1e6, ours = scene_erle(&made, 5, options.seconds);
    start = seconds();
    through_speex(&made);
    double speex_us = (seconds() - start) / blocks * 1e6, speex = scene_erle(&made, 5, options.seconds);
    printf("{\"skew_ppm\":%g,\"library\":\"%s\",\"ours_db\":%.2f,\"speexdsp_db\":%.2f,\"ours_us\":%.1f,\"speexdsp_us\":%.1f}\n", skews[i],
           tm_room_library(), ours, speex, ours_us, speex_us);
    tm_room_destroy(room);
    scene_free(&made);
  }
  return 0;
}
