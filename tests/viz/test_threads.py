"""Drawing in many threads gives the same bytes as drawing alone; long words are fitted by
bisection."""

from concurrent.futures import ThreadPoolExecutor

from saccade.viz import lettering
from saccade.viz.attention import save_png
from tests.viz.made_up import scenes


def test_eight_threads_draw_what_one_draws(tmp_path):
    made = scenes(4)

    def draw(number):
        path = tmp_path / f"{number}.png"
        save_png(made[number % 4].caption, path)
        return path.read_bytes()

    lettering.width.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(draw, range(8)))
    alone = [draw(number) for number in range(4)]
    assert together == alone + alone


def test_a_word_of_a_thousand_letters_is_measured_a_few_times(monkeypatch):
    calls = []
    measure = lettering.width

    def counted(text, size, bold=False):
        calls.append(len(text))
        return measure(text, size, bold)

    monkeypatch.setattr(lettering, "width", counted)
    fitted, size = lettering.fit("wide" * 250, 60.0, 10.5, 7.0)
    assert len(calls) < 20
    assert fitted.endswith("…")
    assert measure(fitted, size) <= 60.0 < measure(fitted[:-1] + "w…", size)
