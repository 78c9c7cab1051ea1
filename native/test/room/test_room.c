// The canceller in a made-up room (scene.h): echo taken away with clocks that drift apart, and a near talker who is left alone.
#include "scene.h"
#include "tm_test.h"

#define ERLE_WANTED 25.0
static const double SETTLED_S = 5.0, END_S = 15.0;

// Echo alone, so that nothing else flatters the figure.
static const tm_room_options cleaning = {.echo_cancel = true, .delay_ms = 60};

static double erle(const scene_options *options, const tm_room_options *wanted, tm_room_stats *stats)
{
  scene made;
  tm_room *room = NULL;
  double value = -1.0;
  if (scene_make(&made, options) && tm_room_create(wanted, &room) == TM_OK) {
    scene_through(&made, room);
    value = scene_erle(&made, SETTLED_S, END_S);
    printf("# library %s, skew %g ppm, delay told %d ms: ERLE %.1f dB from %g s on", tm_room_library(), options->skew_ppm,
           wanted->delay_ms, value, SETTLED_S);
    if (stats) {
      tm_room_read_stats(room, stats);
      printf(" (own: %.1f dB, ERL %.1f dB, skew %.1f ppm)", stats->erle_db, stats->erl_db, stats->skew_ppm);
    }
    printf("\n");
  }
  tm_room_destroy(room);
  scene_free(&made);
  return value;
}

static void with_skew(double ppm)
{
  tm_room_stats stats;
  scene_options options = scene_usual(ppm);
  CHECK_RANGE(erle(&options, &cleaning, &stats), ERLE_WANTED, 100);
  CHECK(stats.known);
  // The loudspeaker's clock against the microphone's.
  CHECK_RANGE(stats.skew_ppm, -ppm - 10, -ppm + 10);
}

static void same_clock(void) { with_skew(0); }
static void two_crystals(void) { with_skew(20); }
static void two_bad_crystals(void) { with_skew(100); }
static void the_other_way(void) { with_skew(-100); }

static void told(int delay_ms, double true_ms)
{
  tm_room_options blind = cleaning;
  scene_options options = scene_usual(20);
  blind.delay_ms = delay_ms;
  options.delay_ms = true_ms;
  CHECK_RANGE(erle(&options, &blind, NULL), ERLE_WANTED, 100);
}

static void delay_unknown(void) { told(TM_ROOM_DELAY_UNKNOWN, 60); }
static void delay_wrong(void) { told(100, 60); }
static void delay_long(void) { told(TM_ROOM_DELAY_UNKNOWN, 250); }

static void with_gain_control(void)
{
  tm_room_options all = cleaning;
  scene_options options = scene_usual(20);
  all.noise_suppression = all.gain_control = true;
  CHECK_RANGE(erle(&options, &all, NULL), ERLE_WANTED - 9.0, 100);  // gain control may raise what is left by 9 dB
}

static void control_off(void)
{
  tm_room_options off = {.noise_suppression = true, .delay_ms = 60};
  scene_options options = scene_usual(0);
  CHECK_RANGE(erle(&options, &off, NULL), -5, 10);
}

static void both_talk(void)
{
  scene made;
  tm_room *room = NULL;
  scene_options options = scene_usual(20);
  options.near_from_s = 6;
  options.near_to_s = 12;
  CHECK(scene_make(&made, &options));
  CHECK_INT(tm_room_create(&cleaning, &room), TM_OK);
  scene_through(&made, room);
  scene_double_talk kept = scene_near_kept(&made, 6, 12);
  double after = scene_erle(&made, 12.5, END_S);
  printf("# library %s, both talk: near talker kept %.1f dB, correlation %.2f (microphone %.2f); ERLE afterwards %.1f dB\n",
         tm_room_library(), kept.kept_db, kept.correlation, kept.before, after);
  tm_room_destroy(room);
  scene_free(&made);
  CHECK_RANGE(kept.kept_db, -6, 3);
  CHECK_RANGE(kept.correlation, kept.before, 1);
  CHECK_RANGE(after, 20, 100);
}

// The measure itself: a gate that shuts the microphone while the far talker speaks loses the near one.
static void control_gate(void)
{
  scene made;
  scene_options options = scene_usual(0);
  options.near_from_s = 6;
  options.near_to_s = 12;
  CHECK(scene_make(&made, &options));
  for (size_t i = 0; i < made.count; i++) made.out[i] = (int16_t)(made.mic[i] / 8);
  scene_double_talk kept = scene_near_kept(&made, 6, 12);
  scene_free(&made);
  CHECK_RANGE(kept.kept_db, -100, -12);
}

static void noise(void)
{
  static int16_t pcm[TM_ROOM_BLOCK];
  tm_room_options quiet = {.noise_suppression = true, .delay_ms = TM_ROOM_DELAY_UNKNOWN};
  tm_room *room = NULL;
  tm_random random = {.state = 3};
  double before = 0.0, after = 0.0;
  CHECK_INT(tm_room_create(&quiet, &room), TM_OK);
  for (int block = 0; block < 500; block++) {
    for (size_t i = 0; i < TM_ROOM_BLOCK; i++) {
      pcm[i] = (int16_t)(2000.0 * (tm_random_unit(&random) - 0.5));
      if (block >= 300) before += (double)pcm[i] * pcm[i];
    }
    tm_room_capture(room, pcm, 0);
    for (size_t i = 0; i < TM_ROOM_BLOCK && block >= 300; i++) after += (double)pcm[i] * pcm[i];
  }
  tm_room_destroy(room);
  printf("# noise lowered by %.1f dB\n", 10.0 * log10(before / after));
  CHECK_RANGE(10.0 * log10(before / after), 6, 60);
}

static void bad_options(void)
{
  tm_room *room = NULL;
  CHECK_INT(tm_room_create(&(tm_room_options){.delay_ms = -2}, &room), TM_ERR_ARGUMENT);
  CHECK_INT(tm_room_create(&(tm_room_options){.delay_ms = TM_ROOM_MAX_DELAY_MS + 1}, &room), TM_ERR_ARGUMENT);
  CHECK(room == NULL);
}

int main(void)
{
  tm_test_run("echo: one clock", same_clock);
  tm_test_run("echo: clocks 20 ppm apart", two_crystals);
  tm_test_run("echo: clocks 100 ppm apart", two_bad_crystals);
  tm_test_run("echo: clocks 100 ppm apart, the other way", the_other_way);
  tm_test_run("echo: the delay is not told", delay_unknown);
  tm_test_run("echo: the delay told is wrong", delay_wrong);
  tm_test_run("echo: a long delay is not told", delay_long);
  tm_test_run("echo: with noise suppression and gain control", with_gain_control);
  tm_test_run("control: canceller off", control_off);
  tm_test_run("both talk: the near talker stays", both_talk);
  tm_test_run("control: a gate loses the near talker", control_gate);
  tm_test_run("noise suppression", noise);
  tm_test_run("options out of range", bad_options);
  return tm_test_end();
}
