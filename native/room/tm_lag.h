// By how much the microphone's echo lags behind the far sound: generalised cross-correlation with phase transform (Knapp and Carter 1976),
// averaged over half seconds in which the far talker speaks. One thread; nothing is allocated after creation.
#ifndef TM_LAG_H
#define TM_LAG_H

#include <stdbool.h>
#include <stddef.h>

#include "tm_status.h"

enum {
  TM_LAG_SPAN = 16384,              // samples looked at at once
  TM_LAG_WINDOW = TM_LAG_SPAN / 2,  // new ones each time; also the longest lag
};

typedef struct tm_lag tm_lag;

tm_status tm_lag_create(tm_lag **lag);
void tm_lag_destroy(tm_lag *lag);
/// `count` samples of both (-1 to 1), of the same times;. True when `*samples` was found anew, surely.
bool tm_lag_push(tm_lag *lag, const float *far, const float *near, size_t count, size_t *samples);
/// What was believed is worth nothing any more (a device began anew).
void tm_lag_forget(tm_lag *lag);

#endif
