"""What a standard BM25 finds in the Cranfield collection: nDCG@10 and recall@10 over all queries.

usage: bm25.py FOLDER   (pip install bm25s PyStemmer)

FOLDER has cran.all.1400.xml, cran.qry.xml and cranqrel.trec.txt. The measures are those of
crates/knowledge/tests/measures.rs, which asks our own search the same.
"""

import math
import re
import sys
from collections import defaultdict
from pathlib import Path

import bm25s
import Stemmer

DEPTH = 10


def main(folder):
    documents = re.findall(
        r"<docno>\s*(\d+)\s*</docno>.*?<title>(.*?)</title>.*?<text>(.*?)</text>",
        (folder / "cran.all.1400.xml").read_text(),
        re.S,
    )
    queries = re.findall(r"<title>(.*?)</title>", (folder / "cran.qry.xml").read_text(), re.S)
    judged = defaultdict(dict)
    for line in (folder / "cranqrel.trec.txt").read_text().splitlines():
        query, _, document, relevance = line.split()
        judged[int(query)][document] = int(relevance)

    stemmer = Stemmer.Stemmer("english")
    cut = lambda texts: bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)
    names = [number for number, _, _ in documents]
    index = bm25s.BM25()
    index.index(cut([f"{title} {text}" for _, title, text in documents]), show_progress=False)
    found, _ = index.retrieve(cut(queries), corpus=names, k=DEPTH, show_progress=False)

    gains, recalls = [], []
    for number, ranked in enumerate(found, 1):
        relevance = {name: grade for name, grade in judged[number].items() if grade > 0}
        gains.append(ndcg([relevance.get(name, 0) for name in ranked], relevance.values()))
        recalls.append(sum(name in relevance for name in ranked) / len(relevance))
    mean = lambda values: sum(values) / len(values)
    print(f"bm25s: {len(gains)} queries, nDCG@10 {mean(gains):.4f}, recall@10 {mean(recalls):.4f}")


def ndcg(ranked, all_grades):
    gain = lambda grades: sum(g / math.log2(at + 2) for at, g in enumerate(grades[:DEPTH]))
    return gain(ranked) / gain(sorted(all_grades, reverse=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
