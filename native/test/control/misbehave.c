// The negative control of the sanitizer runs: does on purpose what a sanitizer must catch.
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int shared;

static void *touch(void *argument) {
  (void)argument;
  for (int i = 0; i < 1000; i++) shared++;
  return NULL;
}

/// Two threads, no order between them.
static void race(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, touch, NULL) != 0) exit(1);
  touch(NULL);
  pthread_join(thread, NULL);
}

int main(int count, char **arguments) {
  volatile size_t size = 8;
  const char *what = count > 1 ? arguments[1] : "";
  if (strcmp(what, "asan") == 0) {
    char *block = malloc(size);
    if (block == NULL) return 1;
    memset(block, 1, size + 1);
    shared = block[0];
    free(block);
  } else if (strcmp(what, "ubsan") == 0) {
    volatile int most = INT_MAX;
    shared = most + 1;
  } else if (strcmp(what, "tsan") == 0) {
    race();
  }
  printf("ok nothing was caught\n");
  return 0;
}
