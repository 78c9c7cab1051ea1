// TS 24.628 4.7, RFC 5009, RFC 3262: an announcement of the network: sound ahead of the answer in a 183, then a refusal that says why.
import type { Timer } from '#src/base/clock.ts';
import { describe } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { randomToken } from '#src/base/random.ts';
import { type Seconds, toMilliseconds } from '#src/base/units.ts';
import { sdpBytes } from '#src/call/body.ts';
import { CallMediaSet } from '#src/call/call-media.ts';
import { dialogHeaders } from '#src/call/headers.ts';
import { mediaAddress, newOffers } from '#src/call/offers.ts';
import type { CallWorld } from '#src/call/world.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import { hasToken } from '#src/sip/message/message.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';

export interface AnnouncementSettings {
  /** As `[audio] capture` writes it. */
  readonly sound: string;
  readonly seconds: Seconds;
  /** Of the refusal at its end. */
  readonly status: number;
  /** A whole Reason value: `Q.850;cause=1`. */
  readonly reason: string | undefined;
  /** P-Early-Media: what the network lets through (RFC 5009 8); empty: the header is left out. */
  readonly authorized: 'sendrecv' | 'sendonly' | 'inactive' | '';
}

const SESSION_PROGRESS = 183;
const NOT_ACCEPTABLE_HERE = 488;
const CANCELLED = 487;
const SERVER_ERROR = 500;
const OK = 200;
const NO_SUCH_TRANSACTION = 481;

export class Announcement {
  readonly onEnd = new Signal<void>();
  readonly #world: CallWorld;
  readonly #incoming: Incoming;
  readonly #settings: AnnouncementSettings;
  readonly #media: CallMediaSet;
  #dialog: Dialog | undefined;
  #timer: Timer | undefined;
  #over = false;

  constructor(world: CallWorld, incoming: Incoming, settings: AnnouncementSettings) {
    const audio = { capture: settings.sound, playback: 'null' };
    this.#world = { ...world, config: { ...world.config, audio, video: undefined } };
    this.#incoming = incoming;
    this.#settings = settings;
    this.#media = new CallMediaSet(this.#world, randomToken(world.random));
    incoming.onCancel.on(() => this.#finish(CANCELLED));
    // Whoever ends it, a reliable 183 that nobody acknowledged too.
    incoming.onEnd.on(() => this.#close());
  }

  /** Plays, then refuses; what cannot be played is refused at once. */
  start(): void {
    try {
      this.#play();
    } catch (error) {
      this.#world.log.warn({ reason: describe(error) }, 'operator: an announcement cannot be played');
      this.#finish(SERVER_ERROR);
    }
  }

  /** Before its time is over. */
  stop(): void {
    this.#finish(this.#settings.status);
  }

  #play(): void {
    const { request, flow, localTag } = this.#incoming;
    const { line, clock, log } = this.#world;
    const offer = sdpBytes(request);
    if (!offer) {
      this.#finish(NOT_ACCEPTABLE_HERE);
      return;
    }
    const local = this.#media.open(mediaAddress(this.#world, flow, offer));
    const answered = newOffers(this.#world, local, flow).answerTo(offer, {
      audio: 'sendrecv',
      video: 'none',
    });
    if (!answered.ok) {
      this.#finish(NOT_ACCEPTABLE_HERE);
      return;
    }
    const dialog = Dialog.uas(request, { localTag, contact: line.contact({ privacy: false, to: flow }) });
    dialog.flow = flow.transport === 'udp' ? undefined : flow;
    this.#dialog = dialog;
    this.#world.ua.attach(dialog, { onRequest: (inside) => this.#inDialog(inside) });
    this.#media.onTrouble.on((error) => log.warn({ id: error.id }, 'operator: an announcement is not heard'));
    this.#media.sound.attach();
    const { authorized, seconds, status } = this.#settings;
    const headers = [
      ...dialogHeaders(line, flow),
      ...(authorized === '' ? [] : [['P-Early-Media', authorized] as const]),
    ];
    const fields = { headers, body: answered.value.answer };
    const reliable = hasToken(request.supported, '100rel') || hasToken(request.require, '100rel');
    if (reliable) this.#incoming.respondReliably(SESSION_PROGRESS, fields);
    else this.#incoming.respond(SESSION_PROGRESS, fields);
    const flows = authorized !== 'inactive';
    this.#media.apply(answered.value.media, { stage: 'early', gate: { send: flows, receive: flows } });
    this.#timer = clock.after(toMilliseconds(seconds), () => this.#finish(status));
  }

  #inDialog(inside: Incoming): void {
    const { method } = inside.request;
    if (method === 'PRACK')
      inside.respond(this.#incoming.acknowledgeProvisional(inside.request) ? OK : NO_SUCH_TRANSACTION);
    else if (method === 'BYE') {
      inside.respond(OK);
      this.#finish(CANCELLED);
    } else if (method === 'UPDATE' && inside.request.body.length === 0) {
      inside.respond(OK, { headers: dialogHeaders(this.#world.line, inside.flow) });
    } else inside.respond(NOT_ACCEPTABLE_HERE);
  }

  #finish(status: number): void {
    const { reason } = this.#settings;
    const told = status === this.#settings.status && reason !== undefined;
    this.#incoming.respond(status, { headers: told ? [['Reason', reason]] : [] });
    this.#close();
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#dialog?.terminate();
    if (this.#dialog) this.#world.ua.detach(this.#dialog);
    void this.#media.close(false);
    this.onEnd.emit();
  }
}
