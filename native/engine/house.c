// The housekeeping thread, no real-time one: writes files, frees what streams leave, tells that events wait.
#include "engine_private.h"
#include "clock.h"

enum { FLUSH_MS = 50 };

// The last station of a stream: nobody but the control thread knows it afterwards, and that one frees it.
static void finish(tm_engine *engine, tm_session *session)
{
  tm_event closed = {.kind = TM_EVENT_CLOSED, .stream = session->id};
  tm_worker_remove(&engine->house, session);
  session->kind->finish(session);
  tm_socket_pair_close(&session->sockets);
  // The one event that may not be lost. Somebody has to take events for the queue to have room.
  while (!tm_engine_emit(engine, &closed)) {
    struct timespec pause = tm_timespec(TM_NS_PER_MS);
    if (engine->options.notify) engine->options.notify(engine->options.context);
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
  }
}

static void obey(tm_engine *engine, const tm_command *command)
{
  switch (command->kind) {
    case TM_COMMAND_ADD: (void)tm_worker_add(&engine->house, command->session); return;
    case TM_COMMAND_CLOSE: finish(engine, command->session); return;
    case TM_COMMAND_DISCARD: command->discard.destroy(command->discard.object); return;
    case TM_COMMAND_QUIT: engine->house.quit = true; return;
    default:
      if (command->session->kind->tidy) command->session->kind->tidy(command->session, command);
      return;
  }
}

void *tm_house_thread(void *context)
{
  tm_engine *engine = context;
  tm_worker *worker = &engine->house;
  struct epoll_event none[1];
  tm_command command;
  while (!worker->quit) {
    (void)tm_loop_wait(&worker->loop, none, 1);
    bool files = false;
    for (unsigned i = 0; i < worker->count; i++) files = worker->sessions[i]->kind->flush(worker->sessions[i]) || files;
    while (tm_queue_pop(worker->commands, &command)) {
      obey(engine, &command);
      files = true;
    }
    if (atomic_exchange(&engine->events_wait, false) && engine->options.notify)
      engine->options.notify(engine->options.context);
    tm_loop_arm(&worker->loop, files ? tm_now_ns() + FLUSH_MS * TM_NS_PER_MS : TM_NEVER);
  }
  return NULL;
}
