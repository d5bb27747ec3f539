"""TF-IDF of n-grams and a linear model: python linear.py TASK, in a folder of labeled lines."""

import pickle
import sys

from lines import judge, read
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

model = {
    "spam": lambda: make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(2, 5)), LinearSVC()
    ),
    "names": lambda: make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4)),
        LogisticRegression(C=30, max_iter=1000),  # C from cross-validation; 1 learns too little
    ),
    "text": lambda: make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5), sublinear_tf=True), LinearSVC()
    ),
    "imdb": lambda: make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC()
    ),
}[sys.argv[1]]()
labels, texts = read("train")
model.fit(texts, labels)
with open("linear.pickle", "wb") as file:
    pickle.dump(model, file)
judge([str(label) for label in model.predict(read("test")[1])], "linear.pickle")
