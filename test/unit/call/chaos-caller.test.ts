// The calling side before the answer, in any order and with any loss and repetition: every call ends, nothing is left.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Call } from '#src/call/call.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp, type TestWorld } from './harness.ts';
import { attempt, onBothNetworks, trouble } from './luck.ts';
import { clean } from './talk.ts';

const test = suite('call/chaos-caller');

const STEPS = [
  'ringing',
  'early media',
  'reliable ringing',
  'reliable answer',
  'out of order',
  'header',
  'freed',
  'PRACK accepted',
  'PRACK refused',
  'UPDATE',
  'UPDATE without description',
  'our UPDATE accepted',
  'our UPDATE crosses',
  'BYE',
  'ok',
  'ok without answer',
  'redirected',
  'unsupported',
  'not acceptable',
  'too brief',
  'sound from elsewhere',
  'first sound',
  'owner dials digits',
  'owner hangs up',
  'wait',
  'wait long',
] as const;

interface Step {
  readonly what: (typeof STEPS)[number];
  readonly at: number;
}

const steps = fc.array(fc.record({ what: fc.constantFrom(...STEPS), at: fc.nat(5) }), {
  minLength: 4,
  maxLength: 30,
});

const QOS = 'a=curr:qos local none\r\na=curr:qos remote none\r\na=des:qos mandatory local sendrecv\r\n';

/** RSeq of each branch, as its callee counts. */
type Numbers = Map<string, number>;

async function perform(world: TestWorld, call: Call, numbers: Numbers, { what, at }: Step): Promise<unknown> {
  const { peer } = world;
  const invite = peer.requests('INVITE').at(-1);
  if (!invite) return undefined;
  const tag = `t${at % 3}`;
  const body =
    sdp({ port: 5000 + 2 * at, payload: at % 2 === 0 ? '0 8 101' : '0 101' }) + (at > 3 ? QOS : '');
  const reliably = (status: number, more: number, content?: string): Promise<void> => {
    const rseq = (numbers.get(tag) ?? 100) + more;
    if (more === 1) numbers.set(tag, rseq);
    return peer.reply(invite, status, {
      tag,
      headers: [
        ['Require', '100rel'],
        ['RSeq', `${rseq}`],
        ['Allow', 'UPDATE'],
      ],
      ...(content === undefined ? {} : { body: content }),
    });
  };
  const last = (method: string): SipRequest | undefined => peer.requests(method).at(-1 - (at % 2));
  const theirs = (method: string, content?: string): Promise<void> => {
    const cseq = (numbers.get(`cseq ${tag}`) ?? 0) + 1;
    numbers.set(`cseq ${tag}`, cseq);
    return peer.send(
      peer.request(method, {
        callId: invite.callId,
        cseq,
        from: `${invite.to.toString()};tag=${tag}`,
        to: invite.from.toString(),
        ...(content === undefined ? {} : { body: content }),
      }),
    );
  };
  const answer = (
    request: SipRequest | undefined,
    status: number,
    content?: string,
  ): Promise<void> | undefined =>
    request &&
    peer.reply(request, status, {
      tag: request.to.tag ?? '',
      ...(content === undefined ? {} : { body: content }),
    });
  switch (what) {
    case 'ringing':
      return peer.reply(invite, 180, { tag });
    case 'early media':
      return peer.reply(invite, 183, { tag, body });
    case 'reliable ringing':
      return reliably(180, 1);
    case 'reliable answer':
      return reliably(183, 1, body);
    case 'out of order':
      return reliably(183, at - 2, body);
    case 'header':
      return peer.reply(invite, 183, {
        tag,
        headers: [['P-Early-Media', ['sendrecv', 'sendonly', 'inactive', 'gated'][at % 4] ?? '']],
      });
    case 'freed':
      return at % 2 === 0 ? peer.reply(invite, 199, { tag }) : reliably(199, 1);
    case 'PRACK accepted':
      return answer(last('PRACK'), 200);
    case 'PRACK refused':
      return answer(last('PRACK'), [481, 500, 408][at % 3] ?? 500);
    case 'UPDATE':
      return theirs('UPDATE', body);
    case 'UPDATE without description':
      return theirs('UPDATE');
    case 'our UPDATE accepted':
      return answer(last('UPDATE'), 200, body);
    case 'our UPDATE crosses':
      return answer(last('UPDATE'), [491, 500, 481, 488][at % 4] ?? 491);
    case 'BYE':
      return theirs('BYE');
    case 'ok':
      return peer.reply(invite, 200, { tag, body });
    case 'ok without answer':
      return peer.reply(invite, 200, { tag });
    case 'redirected':
      return peer.reply(invite, 302, { tag, headers: [['Contact', '<sip:x@example.com>']] });
    case 'unsupported':
      return peer.reply(invite, at % 2 === 0 ? 420 : 580, {
        tag,
        headers: [['Unsupported', 'precondition, 199']],
      });
    case 'not acceptable':
      return peer.reply(invite, [488, 606, 415, 413][at % 4] ?? 488, { tag });
    case 'too brief':
      return peer.reply(invite, 422, { tag, headers: [['Min-SE', `${1800 + at}`]] });
    case 'sound from elsewhere':
      return world.media.streams.at(-1)?.onElsewhere.emit({
        address: PEER.host,
        port: 5000 + 2 * at,
        present: at % 2 === 0,
      });
    case 'first sound':
      return world.media.streams.at(-1)?.onFirstPacket.emit();
    case 'owner dials digits':
      return attempt(() => call.sendDtmf('1'));
    case 'owner hangs up':
      return at === 0 ? attempt(() => call.hangup()) : undefined;
    case 'wait':
      return world.advance(200 * (at + 1));
    case 'wait long':
      return world.advance(9_000 * (at + 1));
  }
}

async function lifeOf(seed: number, loss: number, plan: readonly Step[]): Promise<void> {
  const profile = seed % 2 === 0 ? 'ims' : 'sip';
  const preconditions = (['off', 'optional', 'mandatory'] as const)[seed % 3] ?? 'off';
  const earlyMedia = (['auto', 'header', 'never'] as const)[Math.floor(seed / 3) % 3] ?? 'auto';
  const world = await makeWorld({ seed, line: { profile }, config: { preconditions, earlyMedia } });
  const call = world.manager.dial({ to: `sip:bob@${PEER.host}:${PEER.port}` });
  await world.advance(5);
  trouble(world, seed, loss);
  const numbers: Numbers = new Map();
  for (const step of plan) {
    await perform(world, call, numbers, step);
    const sends = world.media.streams.at(-1)?.last?.send ?? false;
    // Before the answer our sound goes nowhere that was not allowed to have it.
    if (call.state === 'early' && sends) assert.ok(earlyMedia !== 'never', 'never');
    if (call.state === 'cancelling') assert.not.ok(sends, 'given up');
  }
  world.network.rule = undefined;
  await world.advance(2_000);
  attempt(() => call.hangup());
  await world.advance(200_000);
  assert.ok(call.ended, call.state);
  assert.is(world.log.rows.length, 1);
  await clean(world);
  for (const [what, count] of Object.entries(world.ua.load)) assert.is(count, 0, what);
}

onBothNetworks(test, 150, steps, lifeOf);

test.run();
