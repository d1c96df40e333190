/** Colours by name as the style sheet has them now: canvases cannot read variables themselves. */
export function colours(element: Element): (name: string) => string {
  const style = getComputedStyle(element);
  const known: Record<string, string> = {};
  return (name) => (known[name] ??= style.getPropertyValue(`--${name}`).trim() || "#888");
}

/** Make a canvas as sharp as the screen; returns its drawing context in CSS pixels, and its size. */
export function sharp(canvas: HTMLCanvasElement): [CanvasRenderingContext2D, number, number] {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return [context, width, height];
}

/**
 * Call `draw` after the page is laid out, and again whenever the canvas changes its size, until what is returned
 * is called: for effects, which run before the browser knows the new size.
 */
export function drawn(canvas: HTMLCanvasElement, draw: () => void): () => void {
  let frame = requestAnimationFrame(draw);
  const watcher = new ResizeObserver(() => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  });
  watcher.observe(canvas);
  return () => {
    cancelAnimationFrame(frame);
    watcher.disconnect();
  };
}
