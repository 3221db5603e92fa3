// Shows the wrong answers that hold every word of the search field. Without scripts the field stays hidden.
(() => {
  const field = document.querySelector("#search");
  if (!field) return;
  const failures = [...document.querySelectorAll(".failure")];
  const texts = failures.map((failure) => failure.textContent.toLowerCase());
  const show = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    failures.forEach((failure, number) => {
      failure.hidden = !words.every((word) => texts[number].includes(word));
      shown += failure.hidden ? 0 : 1;
    });
    document.querySelector("#found").textContent = words.length ? `${shown} of ${failures.length}` : "";
  };
  field.addEventListener("input", show);
  field.closest(".search").hidden = false;
})();
