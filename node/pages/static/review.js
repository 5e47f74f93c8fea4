// Without this file the desk works too: boxes are then typed, and buttons pressed.
"use strict";
const boxes = document.getElementById("boxes");
const original = document.getElementById("original");

function press(id) {
  const target = document.getElementById(id);
  if (target) target.click();
}

const keys = { a: "accept", r: "reject", n: "next", s: "show", ArrowLeft: "back", ArrowRight: "forward" };
document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (keys[event.key]) press(keys[event.key]);
});

// What is accepted is what was shown: changed boxes must be shown first.
if (boxes) {
  boxes.addEventListener("input", () => {
    document.getElementById("accept").disabled = true;
  });
}

if (original && boxes) {
  let start = null;
  let drawn = null;
  const place = (event) => {
    const frame = original.getBoundingClientRect();
    const inside = (value, size) => Math.min(Math.max(value, 0), size);
    return [inside(event.clientX - frame.left, frame.width), inside(event.clientY - frame.top, frame.height)];
  };
  const corners = (end) => [
    Math.min(start[0], end[0]), Math.min(start[1], end[1]), Math.max(start[0], end[0]), Math.max(start[1], end[1]),
  ];
  original.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch" && !event.isPrimary) return;
    start = place(event);
    drawn = document.createElement("div");
    drawn.className = "drawn";
    original.append(drawn);
    original.setPointerCapture(event.pointerId);
  });
  original.addEventListener("pointermove", (event) => {
    if (!start) return;
    const [left, top, right, bottom] = corners(place(event));
    drawn.style.left = `${left}px`;
    drawn.style.top = `${top}px`;
    drawn.style.width = `${right - left}px`;
    drawn.style.height = `${bottom - top}px`;
  });
  original.addEventListener("pointerup", (event) => {
    if (!start) return;
    const frame = original.getBoundingClientRect();
    const [left, top, right, bottom] = corners(place(event));
    const columns = Number(original.dataset.columns);
    const rows = Number(original.dataset.rows);
    start = null;
    drawn.remove();
    const box = [
      Math.floor((left / frame.width) * columns), Math.floor((top / frame.height) * rows),
      Math.ceil((right / frame.width) * columns), Math.ceil((bottom / frame.height) * rows),
    ];
    if (box[2] - box[0] < 2 || box[3] - box[1] < 2) return;
    boxes.value = `${boxes.value.trim()}\n${box.join(" ")}`.trim();
    press("show");
  });
}
