// Threads of the engine.
#include "thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

enum { STACK_OCTETS = 512 * 1024, FINEST_SLACK_NS = 1 };

struct start {
  void *(*body)(void *);
  void *context;
};

static void *entry(void *argument)
{
  struct start start = *(struct start *)argument;
  free(argument);
  // Only counts under SCHED_OTHER; there it makes 50 us of lateness into 1.
  (void)prctl(PR_SET_TIMERSLACK, FINEST_SLACK_NS, 0, 0, 0);
  return start.body(start.context);
}

static int create(pthread_t *thread, int priority, struct start *start)
{
  pthread_attr_t attributes;
  sigset_t all, before;
  int error = pthread_attr_init(&attributes);
  if (error) return error;
  (void)pthread_attr_setstacksize(&attributes, STACK_OCTETS);
  if (priority > 0) {
    struct sched_param param = {.sched_priority = priority};
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
    pthread_attr_setschedparam(&attributes, &param);
  }
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(thread, &attributes, entry, start);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return error;
}

int tm_thread_start(pthread_t *thread, const char *name, int priority, void *(*body)(void *), void *context,
                    bool *realtime)
{
  struct start *start = malloc(sizeof *start);
  if (!start) return -ENOMEM;
  *start = (struct start){body, context};
  int error = create(thread, priority, start);
  bool fifo = error == 0 && priority > 0;
  if (error && priority > 0) error = create(thread, TM_PRIORITY_NONE, start);
  if (error) {
    free(start);
    return -error;
  }
  (void)pthread_setname_np(*thread, name);
  if (realtime) *realtime = fifo;
  return 0;
}
