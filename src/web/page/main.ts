// Starts the page: one model, one view, one stream of events.
import { h, render } from 'preact';
import { fetchServices, follow, troubleOf } from './api.ts';
import { type Change, changed, EMPTY } from './model.ts';
import { View } from './view.ts';

const root = document.getElementById('app');
if (root) {
  let model = EMPTY;
  const demo = root.dataset.demo === 'yes';
  const show = (): void => render(h(View, { model, demo, report, dismiss, ask }), root);
  const tell = (change: Change): void => {
    model = changed(model, change);
    show();
  };
  const report = (work: Promise<unknown>): void => {
    work.then(
      () => tell({ type: 'trouble', trouble: undefined }),
      (error: unknown) => tell(troubleOf(error)),
    );
  };
  const dismiss = (): void => tell({ type: 'trouble', trouble: undefined });
  const ask = (): void => {
    tell({ type: 'services', services: { state: 'asking' } });
    void fetchServices().then((services) => tell({ type: 'services', services }));
  };
  show();
  follow(demo, tell);
}
