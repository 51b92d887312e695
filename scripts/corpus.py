#!/usr/bin/env python3
"""Reads a folder of feeds with Bugle and with feed-rs and says where they differ, or, where the files state what is
expected (`Expect: not bozo and entries[0]['title'] == 'x'`, as feedparser's do), where Bugle differs from that.

    python3 scripts/corpus.py FOLDER [--show CLASS] [--reader PROGRAM]

PROGRAM is the built bench `parse` (found by cargo where it is not named). Nothing of a corpus is kept here: fetch
one, read it, leave it. The figures of docs/sources.md were made so.
"""
import argparse
import ast
import calendar
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

EXPECT = re.compile(rb"Expect:\s*(.+)")
HEADER = re.compile(rb"Header:\s*[Cc]ontent-[Tt]ype:\s*(.+)")
LOCATION = re.compile(rb"Header:\s*[Cc]ontent-[Ll]ocation:\s*(.+)")
BASE = "http://127.0.0.1:8097/"


def reader(named):
    if named:
        return named
    build = ["cargo", "bench", "--bench", "parse", "--no-run", "--message-format", "json"]
    lines = subprocess.run(build, check=True, capture_output=True, text=True).stdout.splitlines()
    found = [m.get("executable") for m in map(json.loads, lines) if m.get("target", {}).get("name") == "parse"]
    return next(path for path in found if path)


def ask(program, word, lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    told = subprocess.run([program, word], input=text, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [json.loads(line) for line in told.splitlines()]


def decoded(data):
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace").encode()
    if data[:4] in (b"\x00\x00\xfe\xff", b"\xff\xfe\x00\x00"):
        return data.decode("utf-32", "replace").encode()
    for name in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be", "cp037"):
        if name.startswith("utf") and b"\x00" not in data[:64]:
            continue
        text = data.decode(name, "replace")
        if "Expect:" in text:
            return text.encode()
    return data


def clauses(node):
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return [c for value in node.values for c in clauses(value)]
    return [node]


def path(node):
    """`entries[0]['title']` or `entries[0].title` -> ('entries', 0, 'title')"""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        return (*path(node.value), node.attr)
    if isinstance(node, ast.Subscript):
        return (*path(node.value), ast.literal_eval(node.slice))
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "len":
        return ("len", *path(node.args[0]))
    raise ValueError


TEXTS = {"title", "summary", "content"}
FIELDS = {
    "title": "title", "title_detail.value": "title", "link": "link", "id": "id", "guid": "id",
    "description": "summary", "summary": "summary", "summary_detail.value": "summary", "content.N.value": "content",
    "author": "authors", "author_detail.name": "authors", "authors.N.name": "authors",
    "tags.N.term": "categories", "tags.N.label": "categories", "category": "categories", "categories": "categories",
    "published_parsed": "published", "created_parsed": "published", "updated_parsed": "updated",
    "content.N.language": "language", "summary_detail.language": "language", "title_detail.language": "language",
    "media_thumbnail.N.url": "image", "media_content.N.url": "image", "image.href": "image",
    "links.N.href": "link",
}


def instant(told):
    if not told:
        return None
    import datetime
    return int(datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", told).replace("Z", "+00:00")).timestamp())


def judge(ours, clause, plain):
    """'right', 'wrong', or the name of what Bugle does not read; with what was expected and found."""
    if isinstance(clause, ast.UnaryOp) or (isinstance(clause, ast.Name) and clause.id in ("bozo",)):
        return None
    if isinstance(clause, ast.Constant):
        return None
    if not (isinstance(clause, ast.Compare) and len(clause.ops) == 1 and isinstance(clause.ops[0], ast.Eq)):
        return ("another form", None, None)
    try:
        where, want = path(clause.left), ast.literal_eval(clause.comparators[0])
    except (ValueError, SyntaxError):
        return ("another form", None, None)
    if where in (("bozo",), ("version",), ("encoding",)):
        return None
    entries = ours.get("entries", [])
    if where == ("len", "entries"):
        return ("right" if len(entries) == want else "wrong", want, len(entries))
    if where[0] == "feed":
        name = ".".join("N" if isinstance(p, int) else p for p in where[1:])
        key = {"title": "title", "title_detail.value": "title", "language": "language"}.get(name)
        if not key:
            return (f"feed.{name}", want, None)
        found = ours.get(key)
        same = (found or "") == (plain(want)[0] if key == "title" else want)
        return ("right" if same else "wrong", want, found)
    if where[0] != "entries" or len(where) < 3 or not isinstance(where[1], int):
        return (".".join(map(str, where)), want, None)
    name = ".".join("N" if isinstance(p, int) else p for p in where[2:])
    key = FIELDS.get(name)
    if not key:
        return (f"entry.{name}", want, None)
    if len(entries) <= where[1]:
        return ("wrong", want, ours.get("error") or ours.get("dropped"))
    entry = entries[where[1]]
    found = entry.get(key)
    if key in TEXTS:
        both = plain(want) if isinstance(want, str) else [want, want]
        others = [entry.get("summary"), entry.get("content")] if key != "title" else []
        same = any((f or "") in [*both, want] for f in [found, *others])
        found = found or next((o for o in others if o), None)
    elif key in ("published", "updated"):
        seconds = calendar.timegm(tuple(want)[:6]) if want else None
        at = [instant(entry.get("published")), instant(entry.get("updated"))]
        same = seconds in at
    elif key in ("authors", "categories"):
        if name == "tags.N.term" and where[3] < len(found or []):
            found = found[where[3]:]
        wanted = plain(re.sub(r"\s*\([^()]*@[^()]*\)$", "", want))[0] if isinstance(want, str) else want
        same = wanted in (found or []) or (not wanted and not found)
    elif key == "image":
        same = want in [p["url"] for p in [entry.get("image"), *entry.get("pictures", [])] if p]
    elif key == "language":
        same = (want or None) == found
    else:
        same = (want or None) == found or (key == "link" and (want or "").lower().strip("/") == (found or "").strip("/"))
    return ("right" if same else "wrong", want, found)


def again(program, folder, question, answer):
    """An item that holds one word only, as test files do, is no story: with a link it becomes one."""
    if not any("no title, no link" in why for why in answer["ours"].get("dropped", [])):
        return answer
    data = pathlib.Path(question["file"]).read_bytes()

    def linked(tag):
        link = b"<%slink>http://127.0.0.1:8097/made</%slink>" % (tag[1], tag[1])
        atom = b"<%slink href='http://127.0.0.1:8097/made'/>" % tag[1]
        return tag[0].replace(b"/>", b">") + (link if tag[2].lower() == b"item" else atom)

    copy = pathlib.Path(folder) / "copy.xml"
    copy.write_bytes(re.sub(rb"(?i)<((?:\w+:)?)(item|entry)(?=[\s>])[^>]*>", linked, data))
    return {**answer, "ours": ask(program, "read", [{**question, "file": str(copy)}])[0]["ours"]}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=pathlib.Path)
    options.add_argument("--show", help="print the cases of this class: wrong, readers, or what is not read")
    options.add_argument("--reader")
    options = options.parse_args()
    program = reader(options.reader)
    asked, expected = [], {}
    for file in sorted(options.folder.rglob("*")):
        if not file.is_file() or file.suffix not in {".xml", ".json", ".rdf", ".rss", ".atom", ".feed"}:
            continue
        if file.name.endswith(".serde.json") or (file.suffix == ".json" and file.with_suffix(".xml").exists()):
            # What another reader is expected to say.
            continue
        data = decoded(file.read_bytes())
        question = {"file": str(file), "base": BASE + str(file.relative_to(options.folder))}
        header, location, expect = HEADER.search(data), LOCATION.search(data), EXPECT.search(data)
        if header:
            question["type"] = header[1].decode("latin-1").strip()
        if location and location[1].strip().startswith(b"http"):
            question["base"] = location[1].decode("latin-1").strip()
        if expect:
            text = expect[1].decode("utf-8", "replace").strip()
            try:
                expected[str(file)] = ast.parse(text.replace("&quot;", '"'), mode="eval").body
            except (SyntaxError, ValueError):
                pass
        asked.append(question)
    told = ask(program, "read", asked)
    with tempfile.TemporaryDirectory() as folder:
        told = [again(program, folder, question, answer) for question, answer in zip(asked, told)]

    wanted = []
    memory = {}

    def note(text):
        wanted.append(text)
        return ["", ""]

    def recall(text):
        return memory[text]

    def walk(plain):
        tally = collections.Counter()
        for answer in told:
            if answer["file"] not in expected:
                continue
            for clause in clauses(expected[answer["file"]]):
                verdict = judge(answer["ours"], clause, plain)
                if verdict:
                    tally[verdict[0]] += 1
                    if plain is recall and options.show == verdict[0]:
                        print(answer["file"], *map(repr, verdict[1:]), sep="\n    ")
        return tally

    walk(note)
    memory.update(zip(wanted, ask(program, "plain", wanted)))
    tally = walk(recall)
    total = tally["right"] + tally["wrong"]
    if total:
        print(f"stated: {total} of what Bugle reads, {tally['right']} right ({100 * tally['right'] / total:.1f} %)")
        for word, count in tally.most_common():
            print(f"  {count:5} {word}")
    siblings(told, options.folder, options.show == "siblings")
    compare(told, options.show == "readers")


def siblings(told, folder, show):
    """A file `x.xml` beside a file `x.json` that says what gofeed makes of it: title, link, guid and so on."""
    counts = collections.Counter()
    names = {"title": "title", "link": "link", "guid": "id", "publishedParsed": "published",
             "updatedParsed": "updated", "description": "summary", "content": "content", "categories": "categories"}
    for answer in told:
        beside = pathlib.Path(answer["file"]).with_suffix(".json")
        if answer["file"].endswith(".json") or not beside.exists() or "error" in answer["ours"]:
            continue
        stated = json.loads(beside.read_text())
        if not isinstance(stated, dict) or "feedType" not in stated:
            continue
        pairs = [("title", stated.get("title"), answer["ours"].get("title"))]
        pairs.append(("language", stated.get("language"), answer["ours"].get("language")))
        for their, our in zip(stated.get("items", []), answer["ours"]["entries"]):
            pairs += [(ours, their.get(name), our.get(ours)) for name, ours in names.items()]
            url = (their.get("image") or {}).get("url")
            pairs.append(("image", url, (our.get("image") or {}).get("url")))
            people = [person.get("name") for person in their.get("authors", []) if person.get("name")]
            pairs.append(("authors", people or None, our.get("authors")))
        for name, want, found in pairs:
            if want is None or want == "":
                continue
            if name in ("published", "updated"):
                want, found = instant(want), instant(found)
            same = want == found or (name == "link" and f"{want}/" == found)
            if name in ("title", "summary", "content") and not same:
                same = re.sub("<[^>]*>", "", want).split() == (found or "").split()
            counts["right" if same else f"wrong {name}"] += 1
            if show and not same:
                print(answer["file"], name, repr(want), repr(found), sep="\n    ")
    for word, count in counts.most_common():
        print(f"  {count:5} beside: {word}")


def compare(told, show):
    counts = collections.Counter()
    for answer in told:
        ours, theirs = answer["ours"], answer["theirs"]
        kind = ("read" if "error" not in ours else "refused", "read" if "error" not in theirs else "refused")
        counts[f"{kind[0]} here, {kind[1]} by feed-rs"] += 1
        if kind == ("refused", "read"):
            print("only feed-rs reads", answer["file"], ours["error"])
        if kind != ("read", "read"):
            if show and kind[0] == "refused":
                print("refused", answer["file"], ours["error"])
            continue
        if len(ours["entries"]) != len(theirs["entries"]):
            counts["different number of entries"] += 1
            if show:
                print("entries", answer["file"], len(ours["entries"]), len(theirs["entries"]), ours["dropped"])
            continue
        for our, their in zip(ours["entries"], theirs["entries"]):
            for key in ("published", "updated"):
                if their.get(key) is not None and instant(our.get(key)) != their[key] and their[key] > 0:
                    counts[f"different {key}"] += 1
                    if show:
                        print(key, answer["file"], our.get(key), their[key])
            for key in ("link", "id"):
                if (their.get(key) or "") and our.get(key) != their[key]:
                    counts[f"different {key}"] += 1
                    if show:
                        print(key, answer["file"], our.get(key), their[key])
            for key in ("title", "summary", "content", "authors", "categories"):
                if their.get(key) and not our.get(key):
                    counts[f"no {key} here"] += 1
                    if show:
                        print("no", key, answer["file"], their[key])
    for word, count in sorted(counts.items()):
        print(f"  {count:5} {word}")


if __name__ == "__main__":
    sys.exit(main())
