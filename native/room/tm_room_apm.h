// webrtc-audio-processing as C sees it. Two libraries of different faces stand behind it (tm_room_apm.cc). One thread.
#ifndef TM_ROOM_APM_H
#define TM_ROOM_APM_H

#include "tm_room.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tm_apm tm_apm;

/// NULL: no memory, or the library refuses the rate.
tm_apm *tm_apm_create(const tm_room_options *options);
void tm_apm_destroy(tm_apm *apm);
/// 10 ms of far sound, -1 to 1, of the time at which `capture`'s next block was met.
void tm_apm_render(tm_apm *apm, const float *far);
/// 10 ms of the microphone, cleaned in place. `delay_ms` from far sound to its echo; negative: unknown.
void tm_apm_capture(tm_apm *apm, float *near, int delay_ms);
const char *tm_apm_library(void);

#ifdef __cplusplus
}
#endif

#endif
