module attributes {q.a = #qopt.file<//>, q.b = [[[[ ]]]]} {}
"x">
