// The line between the samples of a device and the clock of this host: a straight one fitted through (position, time) pairs that come
// with jitter, its memory growing to some seconds. Plain struct, one thread.
#ifndef TM_LINE_H
#define TM_LINE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  double hz;             // nominal
  double position;       // of the last pair
  double time_ns;        // of `position` on the line
  double ns_per_sample;  // the slope
  unsigned seen, strange;
} tm_line;

void tm_line_init(tm_line *line, double hz);
/// Pairs come in order, about a hundred a second. A single odd time is bent to the line; when they stay odd (a device began anew) the line does too.
void tm_line_push(tm_line *line, double position, int64_t time_ns);
/// The line means something: a few pairs were seen.
bool tm_line_known(const tm_line *line);
double tm_line_time_of(const tm_line *line, double position);
double tm_line_position_at(const tm_line *line, double time_ns);
/// How much faster than nominal the device's clock runs.
double tm_line_ppm(const tm_line *line);

#endif
