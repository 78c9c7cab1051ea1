// Straight line through device positions and times: least squares with growing memory (alpha-beta filter with the gains of regression).
#include "tm_line.h"

#include <math.h>

static const double NS_PER_S = 1e9;
static const double ODD_NS = 3e6;          // further from the line than a thread is usually late
static const double BEND_NS = 2e5;         // as much of an odd pair is believed once the line stands
static const double MAX_SKEW = 2500e-6;    // no clock of a sound device is worse

enum {
  PRIOR = 60,        // pairs that nominal rate is worth: the first jitter makes no wild slope
  MEMORY = 1500,     // pairs: 15 s at 10 ms each
  STEADY = 20,       // pairs after which odd ones are known as odd
  ODD_IN_A_ROW = 25,
};

void tm_line_init(tm_line *line, double hz)
{
  *line = (tm_line){.hz = hz, .ns_per_sample = NS_PER_S / hz};
}

static void begin(tm_line *line, double position, double time_ns)
{
  line->position = position;
  line->time_ns = time_ns;
  line->seen = 1;
  line->strange = 0;
}

void tm_line_push(tm_line *line, double position, int64_t time_ns)
{
  if (line->seen == 0) {
    begin(line, position, (double)time_ns);
    return;
  }
  double step = position - line->position;
  double expected = tm_line_time_of(line, position);
  double error = (double)time_ns - expected;
  bool odd = fabs(error) > ODD_NS;
  line->strange = odd ? line->strange + 1 : 0;
  if (odd && (line->seen < STEADY || line->strange >= ODD_IN_A_ROW)) {
    begin(line, position, (double)time_ns);
    return;
  }
  if (odd) error = 0.0;
  else if (line->seen >= STEADY) error = fmax(-BEND_NS, fmin(BEND_NS, error));
  double nominal = NS_PER_S / line->hz;
  double k = line->seen + PRIOR;
  line->position = position;
  // The place follows the pairs seen, the slope what is worth as many as the prior beside them.
  double m = line->seen + 1.0;
  line->time_ns = expected + error * (line->seen + 1 < PRIOR ? 1.0 / m : 2.0 * (2.0 * k - 1.0) / (k * (k + 1.0)));
  if (step > 0.0) line->ns_per_sample += error / step * 6.0 / (k * (k + 1.0));
  line->ns_per_sample = fmax(nominal * (1.0 - MAX_SKEW), fmin(nominal * (1.0 + MAX_SKEW), line->ns_per_sample));
  if (line->seen < MEMORY) line->seen++;
}

bool tm_line_known(const tm_line *line)
{
  return line->seen > 2;
}

double tm_line_time_of(const tm_line *line, double position)
{
  return line->time_ns + (position - line->position) * line->ns_per_sample;
}

double tm_line_position_at(const tm_line *line, double time_ns)
{
  return line->position + (time_ns - line->time_ns) / line->ns_per_sample;
}

double tm_line_ppm(const tm_line *line)
{
  return (NS_PER_S / line->hz / line->ns_per_sample - 1.0) * 1e6;
}
