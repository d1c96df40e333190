for (const button of document.querySelectorAll(".copy")) {
  const code = button.parentElement.querySelector("code");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    } catch {
      getSelection().selectAllChildren(code); // no permission: leave it marked for the reader to copy
    }
  });
}

const scrubber = document.getElementById("scrubber");
if (scrubber) {
  const groups = [...document.querySelectorAll(".steps")].map((group) => ({
    group, when: group.querySelector(".when"), frames: [...group.querySelectorAll(":scope > [data-step]")],
  }));
  const labels = new Map();
  for (const { frames } of groups) {
    for (const { dataset } of frames) labels.set(+dataset.step, dataset.label || labels.get(+dataset.step) || "");
  }
  const steps = [...labels.keys()].sort((a, b) => a - b);
  const [play, slider, output] = scrubber.elements;
  const words = (step) => "step " + step.toLocaleString("en") + (labels.get(step) && " · " + labels.get(step));
  const show = () => {
    const step = steps[slider.value];
    output.value = words(step);
    slider.setAttribute("aria-valuetext", words(step));
    for (const { when, frames } of groups) {
      const seen = frames.findLast((frame) => +frame.dataset.step <= step) || frames[0];
      for (const frame of frames) frame.hidden = frame !== seen;
      when.textContent = words(+seen.dataset.step);
    }
  };
  const move = (by) => { slider.value = +slider.value + by; show(); };
  let timer = 0;
  const stop = () => { clearInterval(timer); timer = 0; play.textContent = "▶"; play.ariaLabel = "Play"; };
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (slider.value === slider.max) slider.value = 0;
    [play.textContent, play.ariaLabel] = ["❚❚", "Pause"];
    timer = setInterval(() => { move(1); if (slider.value === slider.max) stop(); }, 700);
    show();
  });
  slider.addEventListener("input", () => { stop(); show(); });
  document.addEventListener("keydown", (event) => {
    if (event.target === slider || event.altKey || event.ctrlKey || event.metaKey || event.target.closest("[tabindex]")) return;
    if (event.key === "ArrowLeft") { stop(); move(-1); }
    if (event.key === "ArrowRight") { stop(); move(1); }
  });
  slider.value = slider.max = String(steps.length - 1); // the assignment runs from right to left
  const visible = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) visible[isIntersecting ? "add" : "delete"](target);
    scrubber.hidden = visible.size === 0;
  });
  for (const { group } of groups) watch.observe(group);
  show();
}
