// The packet thread of a video call allocates nothing: malloc and its kin are counted there. Under a sanitizer, which has an allocator of
// its own, the counting is off.
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tm_test.h"
#include "video_support.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTING 0
#else
#define COUNTING 1
#endif

static atomic_uint allocations, looked;

#if COUNTING
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

// Threads get their names before they do anything.
static void count(void)
{
  char name[16] = "";
  (void)prctl(PR_GET_NAME, name);
  looked++;
  if (strcmp(name, "tm-packet") == 0) allocations++;
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
  count();
  return __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t number, size_t size)
{
  count();
  return __libc_calloc(number, size);
}

__attribute__((visibility("default"))) void *realloc(void *old, size_t size)
{
  count();
  return __libc_realloc(old, size);
}
#endif

static void both_ways(void)
{
  char film[SUPPORT_PATH], copy[SUPPORT_PATH];
  tm_endpoint source, sink;
  support_path(film, "film.264");
  support_path(copy, "copy.264");
  CHECK(film_make(film, 30, 0, 40));
  tm_engine *engine = support_engine();
  CHECK(engine);
  source = support_file(film);
  sink = support_file(copy);
  uint32_t a = film_open(engine), b = film_open(engine);
  tm_video_config to_b = film_config(tm_stream_port(engine, b)), to_a = film_config(tm_stream_port(engine, a));
  to_b.frames = to_a.frames = true;
  to_b.cvo_id = to_a.cvo_id = 3;
  CHECK_INT(tm_video_attach(engine, a, &source, &sink, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_video_attach(engine, b, &source, NULL, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_video_configure(engine, a, &to_b, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_video_configure(engine, b, &to_a, NULL), TM_ENGINE_OK);
  support_sleep(500);
  CHECK_INT(tm_video_request_key(engine, a), TM_ENGINE_OK);
  to_b.send = false;
  CHECK_INT(tm_video_configure(engine, a, &to_b, NULL), TM_ENGINE_OK);
  support_sleep(300);
  to_b.send = true;
  CHECK_INT(tm_video_configure(engine, a, &to_b, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_video_attach(engine, a, &source, NULL, NULL), TM_ENGINE_OK);
  support_sleep(700);
  CHECK(film_stats(engine, a).frames_received > 10);
  CHECK(film_stats(engine, b).frames_received > 10);
  tm_engine_destroy(engine);
  CHECK_INT(allocations, 0);
  CHECK(!COUNTING || looked > 0);
  unlink(film);
  unlink(copy);
}

int main(void)
{
  tm_test_run("the packet thread of a video call allocates nothing", both_ways);
  return tm_test_end();
}
