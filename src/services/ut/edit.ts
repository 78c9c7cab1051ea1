// 24.604 4.9.1, 24.611 4.9.1, 24.623 6.2: one change of a document, which leaves everything else in it as it was and as it works.
import { type Element, prefixIn } from '#src/base/xml.ts';
import {
  cp,
  isActive,
  isDeactivated,
  isEffective,
  isProvisioned,
  mayHave,
  NOT_RESTRICTED,
  onlyNumbers,
  RESTRICTED,
  restricts,
  ruleOf,
  rulesFor,
  rulesOf,
  ss,
  targetOf,
} from './document.ts';
import { utError } from './errors.ts';
import { type NodeSelector, selectorOf } from './place.ts';
import {
  BARRINGS,
  type BarringName,
  CDIV,
  COMMON_POLICY_NS,
  FORWARDINGS,
  type ForwardingName,
  NO_REPLY_RANGE,
  type RuleRow,
  SIMSERVS_NS,
  SWITCHES,
  type SwitchName,
  type SwitchRow,
} from './vocabulary.ts';

export interface ServicesChange {
  readonly forwarding?: Readonly<
    Partial<Record<ForwardingName, { readonly active?: boolean; readonly target?: string }>>
  >;
  readonly no_reply_seconds?: number;
  readonly barring?: Readonly<Partial<Record<BarringName, boolean>>>;
  readonly switches?: Readonly<Partial<Record<SwitchName, boolean>>>;
}

/** What an edit changed, as XCAP writes it. */
export type Touch =
  | { readonly kind: 'element'; readonly element: Element }
  | { readonly kind: 'attribute'; readonly element: Element; readonly name: string; readonly value: string }
  /** Where it was, before it went. */
  | { readonly kind: 'removed'; readonly parent: Element; readonly selector: NodeSelector };

/** Collects what is touched; each place once. */
class Touches {
  readonly all: Touch[] = [];

  element(element: Element): void {
    const known = this.all.some((touch) => touch.kind === 'element' && contains(touch.element, element));
    if (!known) this.all.push({ kind: 'element', element });
  }

  attribute(element: Element, name: string, value: string): void {
    element.setAttribute(name, value);
    this.all.push({ kind: 'attribute', element, name, value });
  }

  remove(element: Element): void {
    // Elements of a document stand in an element, and this one is not the root.
    const parent = element.parentNode as Element;
    const selector = selectorOf(element);
    parent.removeChild(element);
    this.all.push({ kind: 'removed', parent, selector });
  }
}

function contains(outer: Element, inner: Element): boolean {
  for (let node: Element | null = inner; node; node = node.parentElement) if (node === outer) return true;
  return false;
}

/** In the way that its neighbours are written: with the prefix that the document has for the namespace. */
function make(parent: Element, namespace: string, name: string, text?: string): Element {
  const document = parent.ownerDocument;
  if (!document) throw utError('defect', 'An element without a document.');
  const prefix = prefixIn(parent, namespace) ?? (namespace === COMMON_POLICY_NS ? 'cp' : 'ss');
  const qualified = prefix === '' ? name : `${prefix}:${name}`;
  const made = document.createElementNS(namespace, qualified);
  if (text !== undefined) made.appendChild(document.createTextNode(text));
  return made;
}

function place(parent: Element, made: Element, before: Element['firstChild']): Element {
  parent.insertBefore(made, before);
  return made;
}

const append = (parent: Element, namespace: string, name: string, text?: string): Element =>
  place(parent, make(parent, namespace, name, text), null);

const prepend = (parent: Element, namespace: string, name: string, text?: string): Element =>
  place(parent, make(parent, namespace, name, text), parent.firstChild);

function setText(element: Element, text: string): void {
  while (element.firstChild) element.removeChild(element.firstChild);
  const document = element.ownerDocument;
  if (document) element.appendChild(document.createTextNode(text));
}

/** One change of a document that was just read. Throws TandemError `ut.not-provisioned`, `ut.target`, `ut.seconds`, `ut.alone`. */
export function edit(root: Element, change: ServicesChange): readonly Touch[] {
  const touches = new Touches();
  if (change.no_reply_seconds !== undefined) setNoReply(root, change.no_reply_seconds, touches);
  for (const row of FORWARDINGS) {
    const wish = change.forwarding?.[row.name];
    if (wish) setForwarding(root, row, wish, touches);
  }
  for (const row of BARRINGS) {
    const wish = change.barring?.[row.name];
    if (wish !== undefined) setBarring(root, row, wish, touches);
  }
  for (const row of SWITCHES) {
    const wish = change.switches?.[row.name];
    if (wish !== undefined) setSwitch(root, row, wish, touches);
  }
  return touches.all;
}

function serviceFor(root: Element, element: string, short: string): Element {
  const service = ss(root, element);
  if (service) return service;
  throw utError('not-provisioned', `Your operator has not set up this service for you (${short}).`);
}

function provisioned(root: Element, row: RuleRow<string>): Element {
  const service = serviceFor(root, row.element, row.short);
  if (isProvisioned(root, row)) return service;
  throw utError('not-provisioned', `Your operator does not let you switch this service (${row.short}).`);
}

function setNoReply(root: Element, seconds: number, touches: Touches): void {
  const service = serviceFor(root, CDIV, 'CDIV');
  const { least, most } = NO_REPLY_RANGE;
  if (!Number.isInteger(seconds) || seconds < least || seconds > most)
    throw utError('seconds', `A call can ring for ${least} to ${most} whole seconds before it is forwarded.`);
  const timer = ss(service, 'NoReplyTimer');
  if (timer?.textContent?.trim() === String(seconds)) return;
  // 24.604 4.9.2: before the rules.
  const element = timer ?? prepend(service, SIMSERVS_NS, 'NoReplyTimer');
  setText(element, String(seconds));
  touches.element(element);
}

function setForwarding(
  root: Element,
  row: RuleRow<ForwardingName>,
  wish: { readonly active?: boolean; readonly target?: string },
  touches: Touches,
): void {
  const service = provisioned(root, row);
  const rule = ruleOf(service, row);
  const before = rule && targetOf(rule);
  const target = wish.target ?? before;
  const isOn = rule !== undefined && isActive(service) && isEffective(rule, row);
  const active = wish.active ?? isOn;
  if (target === undefined) {
    if (active) throw utError('target', 'Say where calls shall be forwarded to.');
    return;
  }
  if (wish.target !== undefined && onlyNumbers(root) && !isNumber(wish.target))
    throw utError('target', 'Your operator forwards calls to telephone numbers only.');
  if (active === isOn && target === before) return;
  if (!active && !mayHave(root, row.element, 'rule-deactivated')) {
    // Nothing can be kept for later.
    if (rule) switchRule(root, service, row, rule, false, touches);
    return;
  }
  // A rule without a target was off; with one it would be on.
  const own = rule ?? makeRule(service, row, touches);
  if (target !== before) setTarget(own, target, touches);
  switchRule(root, service, row, own, active, touches);
}

/** A tel URI, or a SIP URI of a number. */
const isNumber = (uri: string): boolean => /^tel:/i.test(uri) || /;user=phone(?:$|[;?])/i.test(uri);

function setTarget(rule: Element, target: string, touches: Touches): void {
  const actions = cp(rule, 'actions') ?? append(rule, COMMON_POLICY_NS, 'actions');
  const forward = ss(actions, 'forward-to') ?? append(actions, SIMSERVS_NS, 'forward-to');
  // 24.604 4.9.2: the first of what stands there.
  const element = ss(forward, 'target') ?? prepend(forward, SIMSERVS_NS, 'target');
  setText(element, target);
  touches.element(rule);
}

function setBarring(root: Element, row: RuleRow<BarringName>, active: boolean, touches: Touches): void {
  const service = provisioned(root, row);
  const rule = ruleOf(service, row);
  const isOn = rule !== undefined && isActive(service) && isEffective(rule, row);
  if (active === isOn) return;
  const own = rule ?? makeRule(service, row, touches);
  switchRule(root, service, row, own, active, touches);
}

function makeRule(service: Element, row: RuleRow<string>, touches: Touches): Element {
  const known = cp(service, 'ruleset');
  const ruleset = known ?? append(service, COMMON_POLICY_NS, 'ruleset');
  const taken = new Set(rulesOf(service).map((rule) => rule.getAttribute('id')));
  let id = row.id;
  for (let number = 2; taken.has(id); number += 1) id = `${row.id}-${number}`;
  // Behind the others: who made more special ones wants them to be looked at first (24.604 4.9.1.2).
  const rule = append(ruleset, COMMON_POLICY_NS, 'rule');
  rule.setAttribute('id', id);
  const conditions = append(rule, COMMON_POLICY_NS, 'conditions');
  if (row.condition !== undefined) append(conditions, SIMSERVS_NS, row.condition);
  const actions = append(rule, COMMON_POLICY_NS, 'actions');
  if (row.element !== CDIV) append(actions, SIMSERVS_NS, 'allow', 'false');
  touches.element(known ? rule : ruleset);
  return rule;
}

/** 24.604 4.9.1.3: a rule is switched off by a condition that never holds, so that nothing of it is lost. */
function deactivate(rule: Element, touches: Touches): void {
  const conditions = cp(rule, 'conditions') ?? prepend(rule, COMMON_POLICY_NS, 'conditions');
  append(conditions, SIMSERVS_NS, 'rule-deactivated');
  touches.element(rule);
}

function activate(rule: Element, touches: Touches): void {
  const conditions = cp(rule, 'conditions');
  const marks = conditions ? [...elementsNamed(conditions, 'rule-deactivated')] : [];
  for (const mark of marks) mark.parentNode?.removeChild(mark);
  if (marks.length > 0) touches.element(rule);
}

function* elementsNamed(parent: Element, name: string): Generator<Element> {
  for (let found = ss(parent, name); found; found = ss(parent, name)) {
    yield found;
    if (found.parentNode === parent) return;
  }
}

function switchRule(
  root: Element,
  service: Element,
  row: RuleRow<string>,
  rule: Element,
  active: boolean,
  touches: Touches,
): void {
  const canRest = mayHave(root, row.element, 'rule-deactivated');
  if (active) {
    activate(rule, touches);
    if (!isActive(service)) wake(service, rule, canRest, touches);
    return;
  }
  if (!isActive(service)) return;
  // Another of the same meaning would take its place.
  for (const each of rulesFor(service, row)) {
    if (isDeactivated(each)) continue;
    if (canRest) deactivate(each, touches);
    else touches.remove(each);
  }
}

/** What had no effect in a service that was off, has none when it is on. */
function wake(service: Element, rule: Element, canRest: boolean, touches: Touches): void {
  const others = rulesOf(service).filter((other) => other !== rule && !isDeactivated(other));
  if (others.length > 0 && !canRest)
    throw utError('alone', 'Your operator switches these services on only all together.');
  for (const other of others) deactivate(other, touches);
  touches.attribute(service, 'active', 'true');
}

function setSwitch(root: Element, row: SwitchRow, on: boolean, touches: Touches): void {
  const service = serviceFor(root, row.element, row.short);
  if (!row.restricts) {
    if (isActive(service) !== on) touches.attribute(service, 'active', String(on));
    return;
  }
  // Off: nothing is restricted unless one call asks for it, which the service must be active for.
  if ((isActive(service) && restricts(service)) === on) return;
  if (restricts(service) !== on) {
    const behaviour = ss(service, 'default-behaviour') ?? append(service, SIMSERVS_NS, 'default-behaviour');
    setText(behaviour, on ? RESTRICTED : NOT_RESTRICTED);
    touches.element(behaviour);
  }
  if (on && !isActive(service)) touches.attribute(service, 'active', 'true');
}
