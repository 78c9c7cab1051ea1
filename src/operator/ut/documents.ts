// TS 24.623 6: the simservs document of each number, and the services that follow it. What the owner's API sets stands in it too.
import { createHash } from 'node:crypto';
import { err, ok, type Result } from '#src/base/result.ts';
import { Seconds } from '#src/base/units.ts';
import { type Element, parseXml, serializeXml } from '#src/base/xml.ts';
import { viewOf } from '#src/services/ut/document.ts';
import { edit, type ServicesChange } from '#src/services/ut/edit.ts';
import {
  COMMON_POLICY_NS,
  type BarringName as DocumentBarring,
  type ForwardingName,
  MOST_OCTETS,
  NO_REPLY_RANGE,
  SIMSERVS_NS,
} from '#src/services/ut/vocabulary.ts';
import { parseUri, type Uri } from '#src/sip/message/uri.ts';
import type { BarringName, DiversionName, ServiceSet, Services } from '../services/service-data.ts';
import { type DocumentFault, policyFault, schemaFault } from './validate.ts';

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
const RULES = '<cp:ruleset></cp:ruleset>';
const SHOWN = '<default-behaviour>presentation-not-restricted</default-behaviour>';
/** Every service is set up. */
const FIRST = `${HEAD}<simservs xmlns="${SIMSERVS_NS}" xmlns:cp="${COMMON_POLICY_NS}">
<originating-identity-presentation active="true"/>
<originating-identity-presentation-restriction active="true">${SHOWN}</originating-identity-presentation-restriction>
<terminating-identity-presentation active="true"/>
<terminating-identity-presentation-restriction active="true">${SHOWN}</terminating-identity-presentation-restriction>
<communication-diversion active="true"><NoReplyTimer>20</NoReplyTimer>${RULES}</communication-diversion>
<incoming-communication-barring active="true">${RULES}</incoming-communication-barring>
<outgoing-communication-barring active="true">${RULES}</outgoing-communication-barring>
<communication-waiting active="true"/>
</simservs>
`;

/** The document's name for each service of ours. */
const DIVERSION_NAMES: Readonly<Record<DiversionName, ForwardingName>> = {
  cfu: 'unconditional',
  cfnl: 'not_logged_in',
  cfb: 'busy',
  cfnrc: 'not_reachable',
  cfnr: 'no_reply',
};
const BARRING_NAMES: Readonly<Record<Exclude<BarringName, 'acr'>, DocumentBarring>> = {
  baoc: 'all_outgoing',
  boic: 'outgoing_international',
  boic_exhc: 'outgoing_international_except_home',
  baic: 'all_incoming',
  bic_roam: 'incoming_roaming',
};

/** The keys of a table are its names. */
const pairs = <Key extends string, Value>(table: Readonly<Record<Key, Value>>) =>
  Object.entries(table) as [Key, Value][];

/** Rounded to what a document can say. */
const timerOf = ({ noReply }: ServiceSet): number =>
  Math.min(NO_REPLY_RANGE.most, Math.max(NO_REPLY_RANGE.least, Math.round(noReply)));

function changeFor(set: ServiceSet): ServicesChange {
  return {
    no_reply_seconds: timerOf(set),
    forwarding: Object.fromEntries(
      pairs(DIVERSION_NAMES).map(([own, name]) => {
        const target = set.targets[own];
        return [name, target ? { active: true, target: target.toString() } : { active: false }];
      }),
    ),
    barring: Object.fromEntries(pairs(BARRING_NAMES).map(([own, name]) => [name, set.barred.has(own)])),
    switches: { hide_number: set.restrictCall, hide_answer: set.restrictAnswer },
  };
}

/** What the document says; what it has no words for stays. */
function setFrom(root: Element, before: ServiceSet): ServiceSet {
  const view = viewOf(root);
  const targets = pairs(DIVERSION_NAMES).flatMap(([own, name]) => {
    const { active, target = '' } = view.forwarding[name];
    const uri = active ? parseUri(target) : undefined;
    return uri?.ok ? [[own, uri.value] as const] : [];
  });
  const barred = pairs(BARRING_NAMES).flatMap(([own, name]) => (view.barring[name].active ? [own] : []));
  const seconds = view.no_reply_seconds;
  const kept: BarringName[] = before.barred.has('acr') ? ['acr'] : [];
  return {
    ...before,
    targets: Object.fromEntries(targets),
    noReply: seconds === undefined || seconds === timerOf(before) ? before.noReply : Seconds(seconds),
    barred: new Set<BarringName>([...barred, ...kept]),
    restrictCall: view.switches.hide_number.active,
    restrictAnswer: view.switches.hide_answer.active,
  };
}

const parse = (text: string): Result<Element, string> =>
  parseXml(Buffer.from(text, 'utf8'), { octets: 2 * MOST_OCTETS });

export interface StoredDocument {
  readonly text: string;
  readonly etag: string;
}

export class Documents {
  readonly #services: Services;
  readonly #texts = new Map<string, string>();

  constructor(services: Services) {
    this.#services = services;
  }

  of(identity: Uri): StoredDocument {
    const text = this.#written(identity);
    return { text, etag: `"${createHash('sha256').update(text).digest('hex').slice(0, 16)}"` };
  }

  /** The document with what the services say now. */
  #written(identity: Uri): string {
    const key = this.#services.key(identity);
    const known = this.#texts.get(key) ?? FIRST;
    const root = parse(known);
    if (!root.ok) throw new Error(`A stored document cannot be read: ${root.error}`);
    const touches = edit(root.value, changeFor(this.#services.of(identity)));
    if (touches.length === 0) return known;
    const text = `${HEAD}${serializeXml(root.value)}\n`;
    this.#texts.set(key, text);
    return text;
  }

  /** All of it or nothing. */
  replace(identity: Uri, text: string): Result<StoredDocument, DocumentFault> {
    const next = parse(text);
    if (!next.ok) return err({ error: 'not-well-formed', phrase: next.error });
    const before = parse(this.#written(identity));
    if (!before.ok) throw new Error(`A stored document cannot be read: ${before.error}`);
    const fault = schemaFault(next.value) ?? policyFault(before.value, next.value);
    if (fault) return err(fault);
    this.#texts.set(this.#services.key(identity), text);
    this.#services.set(identity, setFrom(next.value, this.#services.of(identity)));
    return ok(this.of(identity));
  }
}
